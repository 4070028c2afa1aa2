-- The dispatcher's role finds tenants with work; which endpoints of theirs are due is asked within the tenant.
REVOKE SELECT (id) ON juxin.endpoint FROM juxin_dispatch;
