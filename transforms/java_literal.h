/* SPDX-License-Identifier: Apache-2.0
 *
 * What Connect makes of InsertHeader's value.literal: Values.parseString() guesses a type, and the header converter
 * writes that type's text.
 */
#ifndef AQ_TRANSFORMS_JAVA_LITERAL_H
#define AQ_TRANSFORMS_JAVA_LITERAL_H

#include "base/arena.h"
#include "base/err.h"

/* The header value's bytes (null for the literal null), or AQ_E_CONFIG for lists and maps, which Connect re-formats
 * by rules not imitated here. */
int java_literal(const char *text, struct aq_arena *arena, struct aq_slice *ret_value, struct aq_err *err);

#endif
