/* Codes and invitations to phones (access/phone.h) go over the district's SMS gateway. */
#pragma once

#include "access/phone.h"

phone_send_fn phone_sms_send;
