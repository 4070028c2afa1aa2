/* Import of a tree from JSON or CSV. Everything is checked in memory before the first row is written; every row that is
 * wrong is named, and nothing is written while one is. Doing it again changes nothing.
 *
 *   JSON  {"units": [{"code": "330102", "name": "上城区", "level": "county", "parent": null}, …]}
 *   CSV   a header line with code,name,level,parent in any order; RFC 4180 quoting; UTF-8 with or without BOM */
#pragma once

#include <jansson.h>

#include "tenant/change.h"
#include "tenant/units.h"

struct units_import_row {
    const char *code, *name, *parent; /* parent: a code of the file or of the tenant; NULL for the root */
    enum level level;
    const char *pointer; /* "/units/3", or "/rows/5" (line of the CSV file, the header is 1) */
    bool has_level, is_new, is_renamed;
    struct uuid id;
    struct unit_place place; /* of new rows */
    struct uuid parent_id;
    uint32_t up_row, up_unit; /* the parent: a new row of the file, or a unit of the tree; TREE_NONE */
    uint32_t mark;            /* while cycles are looked for */
};

struct units_import_fault {
    struct units_import_fault *next;
    const char *pointer, *code, *en, *zh;
};

#define UNITS_IMPORT_FAULTS_MAX 1000 /* further ones are counted only */

struct units_import {
    struct arena *arena;
    struct units_import_row *rows;
    uint32_t count, capacity;
    uint32_t created, unchanged, renamed;
    uint32_t other_names; /* rows whose name differs and is left alone: not asked to rename */
    struct units_import_fault *faults, **tail;
    uint32_t fault_count;
};

/* Both fill *im and collect faults. The JSON value must outlive *im. */
void units_import_init(struct units_import *im, struct arena *a);
void units_import_json(struct units_import *im, const json_t *root);
void units_import_csv(struct units_import *im, struct text csv);

/* Compares with the tenant's tree and decides what each row does. Faults are collected. Does not suspend. */
void units_import_check(struct units_import *im, const struct tree *t, bool rename);

/* Writes a checked plan without faults. */
MUSTCHECK int units_import_write(struct tenant_change *c, const struct units_import *im);
