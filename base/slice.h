/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices: the type and what programs may do with it are installed (aqueduct/slice.h), the shorthands are our own.
 */
#ifndef AQ_BASE_SLICE_H
#define AQ_BASE_SLICE_H

#include "aqueduct/slice.h"

#define AQ_NULL_SLICE ((struct aq_slice){NULL, 0})

/* Length without the terminating zero, at compile time: AQ_LIT("null"). */
#define AQ_LIT(text) ((struct aq_slice){"" text, sizeof(text) - 1})

#endif
