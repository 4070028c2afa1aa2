/* What the core's routes accept, as JSON Schema for the OpenAPI document. The handlers check it themselves, and say
 * more when it does not hold. */
#pragma once

#define S_STRING "{\"type\":\"string\"}"
#define S_NAME "{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}"
#define S_CODE "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,32}$\"}"
#define S_ID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define S_TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define S_DATE "{\"type\":\"string\",\"format\":\"date\"}"
#define S_REASON "{\"type\":\"string\",\"maxLength\":500}"
#define S_BOOL "{\"type\":\"boolean\"}"
#define S_STRINGS "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define S_LEVEL "{\"enum\":[\"county\",\"street\",\"community\",\"park\"]}"
#define S_OBJECT(properties, required)                                                                       \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" properties                        \
    "},\"required\":[" required "]}"

#define SCHEMA_LOGIN S_OBJECT("\"login\":" S_STRING ",\"password\":" S_STRING, "\"login\",\"password\"")
#define SCHEMA_PASSWORD                                                                                      \
    S_OBJECT("\"old_password\":" S_STRING ",\"new_password\":{\"type\":\"string\",\"minLength\":8}",         \
        "\"old_password\",\"new_password\"")
#define SCHEMA_UNIT                                                                                          \
    S_OBJECT("\"code\":" S_CODE ",\"name\":" S_NAME ",\"level\":" S_LEVEL ",\"parent\":" S_ID,               \
        "\"code\",\"name\",\"level\",\"parent\"")
#define SCHEMA_NAME S_OBJECT("\"name\":" S_NAME, "\"name\"")
#define SCHEMA_MOVE S_OBJECT("\"parent\":" S_ID, "\"parent\"")
#define SCHEMA_TREE                                                                                          \
    S_OBJECT("\"units\":{\"type\":\"array\",\"maxItems\":20000,\"items\":" S_OBJECT(                         \
                 "\"code\":" S_CODE ",\"name\":" S_NAME ",\"level\":" S_LEVEL                                \
                 ",\"parent\":{\"type\":[\"string\",\"null\"]}",                                             \
                 "\"code\",\"name\",\"level\"") "},\"source\":" S_STRING ",\"license\":" S_STRING,           \
        "\"units\"")
#define SCHEMA_DEPARTMENT                                                                                    \
    S_OBJECT("\"code\":" S_CODE ",\"name\":" S_NAME ",\"unit\":" S_ID, "\"code\",\"name\",\"unit\"")
#define SCHEMA_MEMBER S_OBJECT("\"is_head\":" S_BOOL, "")
#define SCHEMA_ACCOUNT                                                                                       \
    S_OBJECT("\"login\":{\"type\":\"string\",\"maxLength\":64},\"display_name\":" S_NAME ",\"unit\":" S_ID,  \
        "\"login\",\"display_name\"")
#define SCHEMA_ACCOUNT_CHANGE                                                                                \
    S_OBJECT("\"display_name\":" S_NAME ",\"unit\":" S_ID ",\"is_active\":" S_BOOL, "")
#define SCHEMA_ROLE                                                                                          \
    S_OBJECT("\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_-]{0,62}$\"},\"label_zh\":" S_NAME   \
             ",\"label_en\":" S_NAME ",\"permissions\":" S_STRINGS,                                          \
        "\"name\",\"label_zh\",\"permissions\"")
#define SCHEMA_ROLE_CHANGE                                                                                   \
    S_OBJECT("\"label_zh\":" S_NAME ",\"label_en\":" S_NAME ",\"permissions\":" S_STRINGS, "")
#define SCHEMA_GRANT                                                                                         \
    S_OBJECT("\"account\":" S_ID ",\"department\":" S_ID ",\"post\":" S_ID ",\"role\":" S_ID                 \
             ",\"unit\":" S_ID ",\"reach\":{\"enum\":[\"self\",\"children\",\"subtree\"]},\"from\":" S_TIME  \
             ",\"until\":" S_TIME,                                                                           \
        "\"role\",\"unit\",\"reach\"")
#define SCHEMA_TOKEN S_OBJECT("\"account\":" S_ID ",\"name\":" S_NAME ",\"expires_at\":" S_TIME, "\"name\"")
#define SCHEMA_POLICY                                                                                        \
    S_OBJECT("\"unit\":" S_ID ",\"rule\":{\"enum\":[\"on\",\"off\",\"mandatory\",\"forbidden\"]}"            \
             ",\"reach\":{\"enum\":[\"self\",\"subtree\"]},\"levels\":" S_STRING ",\"reason\":" S_STRING     \
             ",\"from\":" S_TIME ",\"until\":" S_TIME,                                                       \
        "\"unit\",\"rule\"")
