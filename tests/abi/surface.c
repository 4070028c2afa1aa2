/* All of the plugin interface in one object: what abidw reads the baseline from, and what is compared with it later.
 * Types are reached from the entry function. Enumerations are used as integers there, so each has a variable here;
 * a constant without a type (an error, a macro) is the length of an array, which a comparison of types sees. */
#include <juxin/plugin.h>

#define CONSTANT(name, value) char jx_constant_##name[65536 + (value)] /* errors are negative */

CONSTANT(JX_ENOENT, JX_ENOENT);
CONSTANT(JX_EACCES, JX_EACCES);
CONSTANT(JX_EEXIST, JX_EEXIST);
CONSTANT(JX_EINVAL, JX_EINVAL);
CONSTANT(JX_E2BIG, JX_E2BIG);
CONSTANT(JX_EAGAIN, JX_EAGAIN);
CONSTANT(JX_EIO, JX_EIO);
CONSTANT(JX_ENOTSUP, JX_ENOTSUP);
CONSTANT(JX_ETIMEDOUT, JX_ETIMEDOUT);
CONSTANT(JX_ESTALE, JX_ESTALE);
CONSTANT(JX_ECANCELED, JX_ECANCELED);
CONSTANT(JX_ECHANGED, JX_ECHANGED);
CONSTANT(JX_ABI_MAJOR, (int)JX_ABI_MAJOR);
CONSTANT(JX_UNIT_NONE, (int)(UINT32_MAX - JX_UNIT_NONE));
CONSTANT(JX_NOTE_TYPE, (int)JX_NOTE_TYPE);
CONSTANT(JX_SENT, (int)JX_SENT);
CONSTANT(JX_FILE_MAX, (int)JX_FILE_MAX);
CONSTANT(JX_DESCRIPTOR_SIZE, (int)JX_DESCRIPTOR_SIZE);

enum jx_verdict jx_enum_verdict;
enum jx_point jx_enum_point;
enum jx_phase jx_enum_phase;
enum jx_flags jx_enum_flags;
enum jx_provider_kind jx_enum_provider_kind;
enum jx_method jx_enum_method;
enum jx_lifecycle_event jx_enum_lifecycle_event;
enum jx_log_level jx_enum_log_level;
enum jx_as jx_enum_as;
enum jx_subject_kind jx_enum_subject_kind;
enum jx_level jx_enum_level;
struct jx_note jx_note_layout;

static const struct jx_plugin *start(const struct jx_host *host)
{
    (void)host;
    return NULL;
}

JX_PLUGIN("surface", "1.0.0", start)
