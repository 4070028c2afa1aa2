/* What reading, beginning and removing a batch has in common, whatever it does. */
#pragma once

#include "api/dispatch.h"

struct batch_of {
    const char *kind, *resource;
};
MUSTCHECK int batch_api_list(struct call *c, struct request *r, struct batch_of of);
MUSTCHECK int batch_api_get(struct call *c, struct request *r, struct batch_of of);
MUSTCHECK int batch_api_items(struct call *c, struct request *r, struct batch_of of);
MUSTCHECK int batch_api_content(struct call *c, struct request *r, struct batch_of of);
MUSTCHECK int batch_api_start(struct call *c, struct request *r, struct batch_of of);
MUSTCHECK int batch_api_delete(struct call *c, struct request *r, struct batch_of of);
/* 201 with Location. */
MUSTCHECK int batch_api_created(struct call *c, struct request *r, struct batch_of of, struct uuid id);

#define BATCH_ITEMS_QUERY "which,limit,cursor"
#define BATCH_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"state\":{"      \
    "\"enum\":[\"freezing\",\"ready\",\"running\",\"done\",\"cancelled\",\"failed\"]},\"job\":{\"type\":["   \
    "\"string\",\"null\"],\"format\":\"uuid\"},\"total\":{\"type\":[\"integer\",\"null\"]},\"done\":{"       \
    "\"type\":\"integer\"},\"refused\":{\"type\":\"integer\"},\"open\":{\"type\":\"integer\"},\"items\":{"   \
    "\"type\":\"array\",\"description\":\"What it is made of, by sort\",\"items\":{\"type\":\"object\"}}}}"
#define BATCH_LIST_SCHEMA                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}"
#define BATCH_ITEMS_SCHEMA                                                                                   \
    "{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\","     \
    "\"properties\":{\"n\":{\"type\":\"integer\"},\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"         \
    "\"status\":{\"type\":[\"integer\",\"null\"]},\"code\":{\"type\":[\"string\",\"null\"]}}}},\"next\":{"   \
    "\"type\":[\"string\",\"null\"]}}}"
