/* SPDX-License-Identifier: Apache-2.0
 *
 * ${ENV}, ${ENV:-default}, ${ENV:?message}, ${secret:name} inside string values, expanded after parsing, so that no
 * value can ever become syntax. "$$" is a literal dollar sign before a brace: "$${x}" stays "${x}".
 *
 * A secret is the content of a file `name` in $CREDENTIALS_DIRECTORY (systemd LoadCredential), else in
 * $AQUEDUCT_SECRETS_DIR, else in /etc/aqueduct/secrets, one trailing newline removed. A file that group or world can
 * read is refused (CREDENTIALS_DIRECTORY excepted for group: systemd sets 0440), as is a name with a slash.
 *
 * Every expanded secret is remembered, so that conf_mask() can take it out of any text on its way out (a client
 * library's error message, a log line).
 */
#ifndef AQ_CONF_SECRET_H
#define AQ_CONF_SECRET_H

#include "base/err.h"
#include "conf/node.h"

/* Expands `raw`; *ret_text is raw itself when nothing is to be done. */
int conf_expand(const char *raw, struct aq_arena *arena, const char **ret_text, bool *ret_secret,
                bool *ret_env, struct aq_err *err);

/* Registers a value as secret (an OPT_SECRET row, a property named *password*, *secret*, *jaas*, *token*, *.pem). */
void conf_secret_remember(const char *value);
bool conf_secret_property(const char *librdkafka_name);

/* Replaces every remembered secret of 4 characters and more in text by ***, in place (never longer than before:
 * shorter secrets are also handled). Thread-safe after the configuration was loaded. */
void conf_mask(char *text);

#endif
