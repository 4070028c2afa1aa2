/* The kinds of channels, each in a file of its own. */
#pragma once

#include "notify/channel.h"

extern const struct channel_kind channel_sms;         /* gateway.c */
extern const struct channel_kind channel_email;       /* email.c */
extern const struct channel_kind channel_wecom_robot; /* wecom.c */
extern const struct channel_kind channel_wecom_app;   /* wecom.c */
extern const struct channel_kind channel_dingtalk;    /* dingtalk.c */
extern const struct channel_kind channel_wechat;      /* wechat.c */
