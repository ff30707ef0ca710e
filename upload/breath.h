/* SPDX-License-Identifier: ISC */
/*
 * Long work that lets others in.  A scheduler asks whose turn it is when its
 * clock ticks, which may be 250 times a second; who became ready behind endless
 * work waits until then, however little that work matters.  Live delivery is a
 * chain of such waits.
 *
 * So whoever breathes sleeps for the shortest moment after each millisecond of
 * work, and all that wait for its processor have it.
 */
#ifndef UPLOAD_BREATH_H
#define UPLOAD_BREATH_H

#include <pthread.h>
#include <stdint.h>

#include "base/attr.h"

/* From now on this thread does, and each that upload_breath_thread() starts.
 * Once in a process; takes its SIGALRM. */
void upload_breathe(void);

/* How often the threads of this process did. */
uint64_t upload_breaths(void);

/* pthread_create(), which a program whose libraries start threads defines as
 * this. */
MUST_USE int upload_breath_thread(pthread_t *thread, const pthread_attr_t *attr,
    void *(*work)(void *), void *arg);

#endif
