/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers with the highest byte first: the functions are installed, this is where our own files find them.
 */
#ifndef AQ_BASE_BIG_ENDIAN_H
#define AQ_BASE_BIG_ENDIAN_H

#include "aqueduct/number.h"

#endif
