/* Functions nobody in this code base may call; each has a safer form in base/. Naming one is a compile error. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JUXIN_BANNED(name, instead) name##_is_banned_use_##instead

#undef strcpy
#define strcpy(...) JUXIN_BANNED(strcpy, str_dup)
#undef strcat
#define strcat(...) JUXIN_BANNED(strcat, buf_add)
#undef strncpy
#define strncpy(...) JUXIN_BANNED(strncpy, snprintf)
#undef strncat
#define strncat(...) JUXIN_BANNED(strncat, buf_add)
#undef sprintf
#define sprintf(...) JUXIN_BANNED(sprintf, snprintf)
#undef vsprintf
#define vsprintf(...) JUXIN_BANNED(vsprintf, vsnprintf)
#undef strtok
#define strtok(...) JUXIN_BANNED(strtok, text_split)
#undef gmtime
#define gmtime(...) JUXIN_BANNED(gmtime, gmtime_r)
#undef localtime
#define localtime(...) JUXIN_BANNED(localtime, localtime_r)
#undef ctime
#define ctime(...) JUXIN_BANNED(ctime, clock_format)
#undef asctime
#define asctime(...) JUXIN_BANNED(asctime, clock_format)
#undef rand
#define rand(...) JUXIN_BANNED(rand, random_bytes)
#undef atoi
#define atoi(...) JUXIN_BANNED(atoi, text_to_i64)
#undef atol
#define atol(...) JUXIN_BANNED(atol, text_to_i64)
