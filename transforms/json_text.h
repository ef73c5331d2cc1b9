/* SPDX-License-Identifier: Apache-2.0
 *
 * Small pieces of JSON text: quoting, unquoting, integers. Results live in the arena they are given.
 */
#ifndef AQ_TRANSFORMS_JSON_TEXT_H
#define AQ_TRANSFORMS_JSON_TEXT_H

#include "base/arena.h"
#include "transforms/json_scan.h"

/* text as a JSON string with its quotes; bytes from 0x80 on are kept, control bytes become \u00XX. */
struct aq_slice json_quote(struct aq_arena *arena, struct aq_slice text);

/* The content of a scanned JSON string (quotes included in raw), escapes decoded to UTF-8. A lone surrogate becomes
 * its three-byte form, which equals no valid UTF-8 text. */
struct aq_slice json_unquote(struct aq_arena *arena, struct aq_slice raw);

/* The same as a text: followed by a zero byte that is not counted. */
struct aq_slice json_unquote_text(struct aq_arena *arena, struct aq_slice raw);

/* Of a scanned field (or element): its name as such a text, and the JSON text of its value. */
struct aq_slice json_field_name(struct aq_arena *arena, struct aq_slice text, const struct json_field *field);
struct aq_slice json_field_value(struct aq_slice text, const struct json_field *field);

struct aq_slice json_int(struct aq_arena *arena, int64_t value);

/* The shortest digits that read back as the same double, always with a point or an exponent ("5.0", "1e+20"), so that
 * it stays a number with a fraction. value must be finite. */
struct aq_slice json_real(struct aq_arena *arena, double value);

#endif
