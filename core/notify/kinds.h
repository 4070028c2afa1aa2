/* The kinds of channels, each in a file of its own. */
#pragma once

#include "notify/channel.h"

extern const struct channel_kind channel_sms;
