/* Where in a JSON text a JSON Pointer points: declarations are parsed without positions, errors need them. */
#pragma once

#include "base/base.h"
#include "base/text.h"

/* Line and column, from 1, of the value at the pointer (of its key, inside an object); of the deepest part that is
 * there when the rest is not. in: well-formed JSON; anything else gives some position within it. */
void json_position(struct text in, const char *pointer, uint32_t *ret_line, uint32_t *ret_column);
