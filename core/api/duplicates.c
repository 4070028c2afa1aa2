/* P/R/{id}/duplicates. */
#include "api/duplicates.h"

#include "api/resource_routes.h"
#include "resource/declare/resource.h"
#include "resource/flow/merge.h"
#include "resource/record/reader.h"

static int list(struct call *c, struct request *r)
{
    struct record *rec;
    struct uuid id;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = record_fetch(c, api_resource(c, r), id, false, &rec);
    return result < 0 ? result : merge_write(c, rec, response_json(r, 200));
}

static const struct api_route templates[] = {
    {.method = HTTP_GET,
        .path = "/duplicates",
        .handle = list,
        .summary_en = "What was merged into it; the records themselves for who handles it",
        .summary_zh = "并入该记录的重复记录",
        .response_schema = "{\"type\":\"object\",\"properties\":{\"count\":{\"type\":\"integer\"},"
                           "\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}"},
};

int api_duplicate_routes(struct router *rt)
{
    int result = 0;

    for (uint32_t i = 0; i < resource_count() && result == 0; i++)
        if (resource_at(i)->merging.field)
            result =
                api_add_all(rt, resource_routes(resource_at(i), "/{id}", templates, ARRAY_LEN(templates)),
                    ARRAY_LEN(templates));
    return result;
}
