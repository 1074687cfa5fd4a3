/* core/base/sanitizer.h - telling ThreadSanitizer about orderings that it cannot see.
 *
 * TSan does not look into ck's inline assembly nor into libck, and ignores stand-alone fences. So
 * queue.c hides what ck does (SANITIZER_BLIND, SANITIZER_QUIET_*) and state the ordering
 * that their headers promise instead: a RELEASE and an ACQUIRE of the same address. What users do
 * around them is then checked in full. Without TSan all of these are nothing. */
#ifndef CORE_BASE_SANITIZER_H
#define CORE_BASE_SANITIZER_H

#if defined(__SANITIZE_THREAD__)
#define SANITIZER_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER_THREAD 1
#endif
#endif

#if defined(SANITIZER_THREAD)
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define SANITIZER_BLIND __attribute__((noinline, no_sanitize("thread")))
#define SANITIZER_RELEASE(address) __tsan_release((void *)(uintptr_t)(address))
#define SANITIZER_ACQUIRE(address) __tsan_acquire((void *)(uintptr_t)(address))
/* A full fence; gcc refuses atomic_thread_fence here, and what it orders TSan does not look at. */
#define SANITIZER_FENCE() __asm__ volatile("lock; addl $0, 0(%%rsp)" ::: "memory", "cc")
/* Intercepted calls (memcpy) are seen even in a blind function. */
#define SANITIZER_QUIET_BEGIN()                                                                    \
    (AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define SANITIZER_QUIET_END()                                                                      \
    (AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__))
#else
#define SANITIZER_BLIND
#define SANITIZER_RELEASE(address) ((void)(address))
#define SANITIZER_ACQUIRE(address) ((void)(address))
#define SANITIZER_FENCE() atomic_thread_fence(memory_order_seq_cst)
#define SANITIZER_QUIET_BEGIN() ((void)0)
#define SANITIZER_QUIET_END() ((void)0)
#endif

#endif
