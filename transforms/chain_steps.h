/* SPDX-License-Identifier: Apache-2.0
 *
 * What a built chain is, for the two files that know: chain.c builds and asks it, run.c runs it.
 */
#ifndef AQ_TRANSFORMS_CHAIN_STEPS_H
#define AQ_TRANSFORMS_CHAIN_STEPS_H

#include "transforms/library.h"

struct xf_chain {
    struct aq_arena arena;
    enum xf_compat compat;
    const struct xf_entry **steps; /* the library's; it must outlive the chain */
    const char **names;            /* copies: failed records point at them */
    size_t n;
};

#endif
