/* Mean cosine over all pairs of distinct rows, in one pass: the sum of the unit vectors says it all. */
#include "isoscope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Read by hosts without running any code of this file. */
ISO_MANIFEST_SECTION static const char manifest[] =
    "{\"schema\":1,\"id\":\"org.example.my_plugin\",\"version\":\"0.1.0\",\"abi\":{\"major\":1,\"min_minor\":0},"
    "\"ops\":[{\"id\":\"my_plugin\",\"kind\":\"metric\",\"version\":1,\"needs\":\"rows\","
    "\"doc\":\"Mean cosine over all pairs of distinct rows.\","
    "\"outputs\":[{\"id\":\"my_plugin\",\"shape\":\"scalar\",\"range\":\"[-1, 1]\",\"better\":\"neither\",\"invariant\":[\"rotation\",\"scale\",\"permutation\"]}],"
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}";

struct iso_op {
  uint64_t cols;
};
/* The state, saved as it lies in memory: only the same build of this file reads it. */
struct iso_run {
  uint64_t size, cols, n;
  double sum[];
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

static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)model, (void)pass;
  uint64_t size = sizeof(iso_run) + op->cols * sizeof(double);
  if ((*out = calloc(1, size)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  (*out)->size = size;
  (*out)->cols = op->cols;
  return ISO_OK;
}

static void run_end(iso_run *run) { free(run); }

static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  (void)err;
  for (uint64_t i = 0; i < batch->rows; i++) {
    const double *row = (const double *)batch->views[0].data + (int64_t)i * batch->views[0].row_stride;
    double square = 0;
    for (uint64_t j = 0; j < run->cols; j++) square += row[j] * row[j];
    if (square <= 0) continue; /* a zero row has no direction */
    for (uint64_t j = 0; j < run->cols; j++) run->sum[j] += row[j] / sqrt(square);
    run->n++;
  }
  return ISO_OK;
}

static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  int32_t refused = state.write(state.ctx, (const uint8_t *)run, run->size);
  return refused == 0 ? ISO_OK : fail(err, ISO_RESOURCE, "the state could not be written");
}

static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  if (state.len != run->size) return fail(err, ISO_INVALID, "the state has another size");
  uint64_t n;
  memcpy(&n, state.ptr + offsetof(iso_run, n), sizeof n);
  run->n += n;
  for (uint64_t j = 0; j < run->cols; j++) {
    double other; /* the bytes need not be aligned */
    memcpy(&other, state.ptr + offsetof(iso_run, sum) + j * sizeof other, sizeof other);
    run->sum[j] += other;
  }
  return ISO_OK;
}

static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  (void)model;
  *again = 0;
  if (run->n < 2) return report(out, 0, "fewer than 2 rows have a direction", run->n, err);
  double n = (double)run->n, square = 0;
  for (uint64_t j = 0; j < run->cols; j++) square += run->sum[j] * run->sum[j];
  return report(out, (square - n) / (n * (n - 1)), "", run->n, err);
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
