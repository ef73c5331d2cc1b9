/* SPDX-License-Identifier: Apache-2.0
 *
 * Named crash points (test builds only, CMake option AQ_CRASH_POINTS): AQUEDUCT_CRASH="name[:count]" in the
 * environment kills the process with SIGKILL when the point is passed for the count-th time. In a release build
 * AQ_CRASH_POINT is nothing and the variable is refused at start. The list of names is base/crash.def.
 *
 * AQ_CRASH_SOON stands in front of one call of a library, and kills somewhere in it: within a tenth of a millisecond.
 */
#ifndef AQ_BASE_CRASH_H
#define AQ_BASE_CRASH_H

enum aq_crash_id {
#define X(id, name) AQ_CRASH_##id,
#include "base/crash.def"
#undef X
    AQ_CRASH_COUNT
};

/* The first of those that only applications with stores pass. */
#define AQ_CRASH_STORES AQ_CRASH_BEFORE_STORE_WRITE

extern const char *const aq_crash_names[AQ_CRASH_COUNT];

/* Reads the environment once, before threads start; exits 64 on an unknown name, and in a release build when the
 * variable is set at all. */
void aq_crash_setup(void);

#ifdef AQ_CRASH_POINTS
void aq_crash_hit(enum aq_crash_id id);
void aq_crash_soon(enum aq_crash_id id);
#define AQ_CRASH_POINT(id) aq_crash_hit(AQ_CRASH_##id)
#define AQ_CRASH_SOON(id)  aq_crash_soon(AQ_CRASH_##id)
#else
#define AQ_CRASH_POINT(id) ((void)0)
#define AQ_CRASH_SOON(id)  ((void)0)
#endif

#endif
