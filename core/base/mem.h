/* Memory: a small allocation that fails ends the process; sizes chosen by a client are limited before they get here. */
#pragma once

#include "base/base.h"

/* What the process cannot go on without cannot be had: says so on standard error and ends at once with this status. No
 * handlers run, and no core is left, which would hold people's data; whoever sees the status knows it was no crash. */
#define GIVE_UP_STATUS 71
NORETURN void give_up(const char *why);

void *mem_alloc(size_t size);                           /* uninitialised; gives up when out of memory */
void *mem_zalloc(size_t size);                          /* zeroed */
void *mem_zarray(size_t count, size_t size);            /* zeroed; also an overflow is out of memory */
void *mem_resize(void *ptr, size_t count, size_t size); /* like reallocarray */
void *mem_dup(const void *ptr, size_t size);
char *str_dup(const char *s); /* NULL stays NULL */
char *str_ndup(const char *s, size_t len);
char *str_printf(const char *format, ...) PRINTF_LIKE(1, 2);

/* For CLEANUP(): frees what the variable points at; NULL is fine. */
void mem_freep(void *ptr_to_ptr);
