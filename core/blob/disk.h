/* Private to the disk's files.
 *
 * DIRECTORY/TENANT/tmp/UUID            being written
 * DIRECTORY/TENANT/XX/DIGEST           XX: its first two digits
 *
 * Directories are made as they are needed. Whatever is here belongs to the server's user alone. */
#pragma once

#include "blob/blob.h"

#define DISK_NAME_MAX 96

/* The directory as a descriptor, -errno when it cannot be opened. On a helper thread. */
int disk_root(void);
void disk_content_name(char out[DISK_NAME_MAX], int32_t tenant, const struct sha256 *digest);
/* Makes the directories above a name that is missing them. */
int disk_make_way(int root, const char *name);

int disk_open(
    int32_t tenant, const struct sha256 *digest, uint64_t offset, uint64_t len, struct source **ret);
int disk_file(int32_t tenant, const struct sha256 *digest, int *ret_fd);
int disk_remove(int32_t tenant, const struct sha256 *digest);
int disk_sweep(int32_t tenant, int64_t before_us, uint32_t *ret_count);
int disk_list(
    int32_t tenant, uint8_t first, int64_t before_us, struct sha256 *out, uint32_t max, uint32_t *ret_count);
