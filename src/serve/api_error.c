/* api_error.c - see api_error.h. */
#include "serve/api_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *type_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *type;
    } TYPE[] = { { 400, "invalid_request_error" },
                 { 401, "authentication_error" },
                 { 403, "permission_error" },
                 { 404, "not_found_error" },
                 { 405, "invalid_request_error" },
                 { 408, "timeout_error" },
                 { 413, "invalid_request_error" },
                 { 415, "invalid_request_error" },
                 { 422, "invalid_request_error" },
                 { 429, "rate_limit_error" },
                 { 503, "overloaded" } };
    for (size_t i = 0; i < sizeof TYPE / sizeof *TYPE; i++)
        if (TYPE[i].status == status) return TYPE[i].type;
    return "server_error";
}

/* Through Error, which makes the text printable. */
static bool set(ApiError *a, unsigned status, const char *code, const char *param, const char *fmt, va_list ap)
{
    char text[sizeof a->text];
    Error printable;
    vsnprintf(text, sizeof text, fmt, ap);
    fail(&printable, ERR_USAGE, "%s", text);
    *a = (ApiError){ .status = status, .type = type_of(status), .code = code };
    snprintf(a->param, sizeof a->param, "%s", param);
    memcpy(a->text, printable.text, sizeof a->text);
    return false;
}

bool api_fail(ApiError *a, unsigned status, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(a, status, code, "", fmt, ap);
    va_end(ap);
    return false;
}

bool api_bad(ApiError *a, const char *param, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(a, 400, "invalid_value", param, fmt, ap);
    va_end(ap);
    return false;
}

bool api_fail_as(ApiError *a, const Error *e)
{
    switch (e->code) {
    case ERR_NONE: break;
    case ERR_USAGE:
    case ERR_FORMAT: return api_fail(a, 400, "invalid_value", "%s", e->text);
    case ERR_UNSUPPORTED: return api_fail(a, 400, "unsupported", "%s", e->text);
    case ERR_LIMIT: return api_fail(a, 400, "limit_exceeded", "%s", e->text);
    case ERR_MEMORY: return api_fail(a, 503, "no_memory", "%s", e->text);
    case ERR_SYSTEM:
    case ERR_CANCELLED: break;
    }
    return api_fail(a, 500, NULL, "%s", e->text);
}

json_t *api_error_json(const ApiError *a)
{
    return json_pack("{s:{s:s, s:s, s:s?, s:s?}}", "error", "message", a->text, "type", a->type, "param",
                     a->param[0] ? a->param : NULL, "code", a->code);
}
