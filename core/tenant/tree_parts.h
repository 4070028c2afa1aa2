/* What a tree consists of; for tree.c and those that build one. */
#pragma once

#include <errno.h>

#include "tenant/tree.h"

struct tree {
    uint32_t count;
    uint32_t *end; /* by preorder number, as everything here */
    uint32_t *parent;
    uint8_t *depth;
    uint8_t *level;
    struct uuid *id;
    uint32_t *text; /* offset of the code in `texts`; the name follows its NUL */
    uint8_t *closed;
    char *texts;
    uint32_t table_mask;
    uint32_t *by_id;   /* see slot_make */
    uint32_t *by_code; /* units in the order of their codes; NULL when that is the preorder */
};

/* ---- the table of ids ---- */

/* A slot: twenty bits of number + 1 (0 is empty) under twelve bits of the hash that do not choose the slot, so that the id
 * behind a wrong slot is not looked at. */
#define NUMBER_BITS 20
#define TREE_COUNT_MAX ((1u << NUMBER_BITS) - 2)

static inline uint32_t slot_make(uint64_t hash, uint32_t number)
{
    return (uint32_t)(hash >> 52) << NUMBER_BITS | (number + 1);
}

static inline uint32_t slot_number(uint32_t slot)
{
    return (slot & ((1u << NUMBER_BITS) - 1)) - 1;
}

static inline bool slot_may_be(uint32_t slot, uint64_t hash)
{
    return slot >> NUMBER_BITS == (uint32_t)(hash >> 52);
}

static inline uint64_t id_hash(struct uuid id)
{
    return uuid_hash(id) * 0x9e3779b97f4a7c15u; /* all 64 bits are used */
}

/* Three quarters full at most. */
static inline uint32_t table_mask(size_t count)
{
    uint32_t mask = 7;

    while (mask - mask / 4 < count)
        mask = mask * 2 + 1;
    return mask;
}

/* The slot of the id, or the empty one where it belongs. */
static inline uint32_t *table_slot(
    uint32_t *table, uint32_t mask, const struct uuid *ids, struct uuid id, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & mask;

    while (table[at] && !(slot_may_be(table[at], hash) && uuid_eq(ids[slot_number(table[at])], id)))
        at = (at + 1) & mask;
    return &table[at];
}

/* Enters units [first, end) of `ids`. Number of one whose id an earlier one has; TREE_NONE. */
uint32_t table_fill(uint32_t *table, uint32_t mask, const struct uuid *ids, uint32_t first, uint32_t end);

/* ---- building ---- */

struct tree_fault {
    uint32_t at; /* in the input */
    const char *why;
};

static inline int tree_refuse(struct tree_fault *f, uint32_t at, const char *why)
{
    *f = (struct tree_fault){at, why};
    return -EINVAL;
}

/* The input in preorder: as it came, or through a list of numbers. */
struct tree_input {
    const struct tree_unit *units;
    const uint32_t *order; /* NULL: as it came */
    uint32_t count;
};

static inline uint32_t input_number(const struct tree_input *in, uint32_t i)
{
    return in->order ? in->order[i] : i;
}

/* Numbers of the input in preorder; siblings keep their order. -EINVAL with the fault. */
MUSTCHECK int tree_order(const struct tree_input *in, uint32_t *order, struct tree_fault *fault);
