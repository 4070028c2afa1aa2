/* Memory: small allocations abort when they fail; sizes chosen by a client are limited before they get here. */
#pragma once

#include "base/base.h"

void *mem_alloc(size_t size);                           /* uninitialised; aborts when out of memory */
void *mem_zalloc(size_t size);                          /* zeroed */
void *mem_zarray(size_t count, size_t size);            /* zeroed; aborts on overflow */
void *mem_resize(void *ptr, size_t count, size_t size); /* like reallocarray; aborts */
void *mem_dup(const void *ptr, size_t size);
char *str_dup(const char *s); /* NULL stays NULL */
char *str_ndup(const char *s, size_t len);
char *str_printf(const char *format, ...) PRINTF_LIKE(1, 2);

/* For CLEANUP(): frees what the variable points at; NULL is fine. */
void mem_freep(void *ptr_to_ptr);
