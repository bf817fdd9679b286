/* Share of the energy that lies in the mean vector: a function of the moments, so it costs no pass over the rows. */
#include "isoscope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Read by hosts without running any code of this file. */
ISO_MANIFEST_SECTION static const char manifest[] =
    "{\"schema\":1,\"id\":\"org.example.my_plugin\",\"version\":\"0.1.0\",\"abi\":{\"major\":1,\"min_minor\":0},"
    "\"ops\":[{\"id\":\"my_plugin\",\"kind\":\"metric\",\"version\":1,\"needs\":\"moments\",\"parts\":[\"second\"],"
    "\"doc\":\"Squared norm of the mean of the rows, relative to the mean of their squared norms.\","
    "\"outputs\":[{\"id\":\"my_plugin\",\"shape\":\"scalar\",\"range\":\"[0, 1]\",\"better\":\"lower\",\"invariant\":[\"rotation\",\"scale\",\"permutation\"]}],"
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}";

struct iso_op {
  uint64_t cols;
};

static iso_bytes bytes(const char *text) {
  iso_bytes result = {(const uint8_t *)text, strlen(text)};
  return result;
}

static iso_status fail(iso_err *err, iso_status status, const char *text) {
  err->len = (uint32_t)strlen(text);
  memcpy(err->msg, text, err->len);
  return status;
}

/* Reports the value, or why there is none. */
static iso_status report(const iso_out *out, double value, const char *reason, uint64_t n, iso_err *err) {
  iso_row row = {0};
  row.struct_size = sizeof row;
  row.metric = bytes("my_plugin");
  row.status = bytes(reason);
  row.value = value;
  row.std_err = NAN;
  row.n = n;
  return out->row(out->ctx, &row) == 0 ? ISO_OK : fail(err, ISO_FAILED, "the row was refused");
}

static iso_status op_open(const iso_host *host, const iso_input *input, iso_bytes params, iso_op **out, iso_err *err) {
  (void)host;
  if (params.len > 0 && !(params.len == 2 && memcmp(params.ptr, "{}", 2) == 0))
    return fail(err, ISO_INVALID, "this op takes no parameters");
  if ((*out = malloc(sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  (*out)->cols = input->cols[0];
  return ISO_OK;
}

static void op_close(iso_op *op) { free(op); }

static iso_status measure(const iso_op *op, const iso_moments *m, const iso_out *out, iso_sink model, uint32_t *again,
                          iso_err *err) {
  (void)model;
  double mean = 0, spread = 0;
  *again = 0;
  if (m->n == 0) return report(out, 0, "no rows", 0, err);
  for (uint64_t j = 0; j < op->cols; j++) {
    mean += m->mean[j] * m->mean[j];
    spread += m->scatter[j * op->cols + j] / (double)m->n;
  }
  if (mean + spread <= 0) return report(out, 0, "every row is zero", m->n, err);
  return report(out, mean / (mean + spread), "", m->n, err);
}

static const void *get_extension(iso_bytes id) {
  static const iso_moments_ops moments = {.struct_size = sizeof(iso_moments_ops), .measure = measure};
  return id.len == sizeof "iso.moments/1" - 1 && memcmp(id.ptr, "iso.moments/1", id.len) == 0 ? &moments : NULL;
}

/* The op sees no rows, so no pass ever begins. */
static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)op, (void)model, (void)pass, (void)out;
  return fail(err, ISO_UNSUPPORTED, "this op measures moments");
}
static void run_end(iso_run *run) { (void)run; }
static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  (void)run, (void)batch;
  return fail(err, ISO_UNSUPPORTED, "this op measures moments");
}
static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  (void)run, (void)state;
  return fail(err, ISO_UNSUPPORTED, "this op measures moments");
}
static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  (void)run, (void)state;
  return fail(err, ISO_UNSUPPORTED, "this op measures moments");
}
static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  (void)run, (void)out, (void)model, (void)again;
  return fail(err, ISO_UNSUPPORTED, "this op measures moments");
}

static const iso_op_vtable table = {
    .struct_size = sizeof(iso_op_vtable),
    .id = {(const uint8_t *)"my_plugin", sizeof "my_plugin" - 1},
    .open = op_open,
    .close = op_close,
    .begin = op_begin,
    .end = run_end,
    .update = run_update,
    .save = run_save,
    .merge = run_merge,
    .finish = run_finish,
    .get_extension = get_extension,
};
static const iso_op_vtable *const tables[] = {&table};
static const iso_plugin plugin = {
    .struct_size = sizeof(iso_plugin),
    .abi_major = ISO_ABI_MAJOR,
    .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
    .ops = tables,
    .n_ops = 1,
};

const iso_plugin *isoscope_plugin_entry_v1(void) { return &plugin; }
