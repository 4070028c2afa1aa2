/* What the access floor does once per process. */
#pragma once

/* Declares the core's permissions and ready-made roles and registers the access part of the tenant's snapshot. Once
 * per process, before the first tenant is loaded and before plugins declare theirs. */
void access_init(void);
