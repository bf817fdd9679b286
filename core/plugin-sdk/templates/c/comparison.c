/* Do two clouds agree on which rows are long? Correlation of the norms of row-aligned rows, in one pass over two views. */
#include "isoscope.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Read by hosts without running any code of this file. */
ISO_MANIFEST_SECTION static const char manifest[] =
    "{\"schema\":1,\"id\":\"org.example.my_plugin\",\"version\":\"0.1.0\",\"abi\":{\"major\":1,\"min_minor\":0},"
    "\"ops\":[{\"id\":\"my_plugin\",\"kind\":\"comparison\",\"version\":1,\"needs\":\"rows\",\"views\":2,"
    "\"doc\":\"Pearson correlation between the norms of the rows of two row-aligned clouds.\","
    "\"outputs\":[{\"id\":\"my_plugin\",\"shape\":\"scalar\",\"range\":\"[-1, 1]\",\"better\":\"higher\",\"invariant\":[\"rotation\",\"scale\",\"permutation\"]}],"
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}";

struct iso_op {
  uint64_t cols[2];
};
/* Count, means and centred sums of the two norms (Chan et al. 1979): no sum of squares loses its digits. */
typedef struct sums {
  uint64_t n;
  double mean[2], squares[2], product;
} sums;
struct iso_run {
  uint64_t cols[2];
  sums sums;
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
  if (input->n_views != 2) return fail(err, ISO_INVALID, "this op reads two views");
  if ((*out = malloc(sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  memcpy((*out)->cols, input->cols, sizeof (*out)->cols);
  return ISO_OK;
}

static void op_close(iso_op *op) { free(op); }

static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)model, (void)pass;
  if ((*out = calloc(1, sizeof **out)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  memcpy((*out)->cols, op->cols, sizeof op->cols);
  return ISO_OK;
}

static void run_end(iso_run *run) { free(run); }

static void add(sums *to, const sums *other) {
  if (other->n == 0) return;
  double n = (double)other->n, total = (double)(to->n + other->n), weight = (double)to->n * n / total;
  double delta[2] = {other->mean[0] - to->mean[0], other->mean[1] - to->mean[1]};
  for (int view = 0; view < 2; view++) {
    to->squares[view] += other->squares[view] + delta[view] * delta[view] * weight;
    to->mean[view] += delta[view] * n / total;
  }
  to->product += other->product + delta[0] * delta[1] * weight;
  to->n += other->n;
}

static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  (void)err;
  for (uint64_t i = 0; i < batch->rows; i++) {
    sums one = {.n = 1};
    for (int view = 0; view < 2; view++) {
      const double *row = (const double *)batch->views[view].data + (int64_t)i * batch->views[view].row_stride;
      double square = 0;
      for (uint64_t j = 0; j < run->cols[view]; j++) square += row[j] * row[j];
      one.mean[view] = sqrt(square);
    }
    add(&run->sums, &one);
  }
  return ISO_OK;
}

static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  int32_t refused = state.write(state.ctx, (const uint8_t *)&run->sums, sizeof run->sums);
  return refused == 0 ? ISO_OK : fail(err, ISO_RESOURCE, "the state could not be written");
}

static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  sums other; /* the bytes need not be aligned */
  if (state.len != sizeof other) return fail(err, ISO_INVALID, "the state has another size");
  memcpy(&other, state.ptr, sizeof other);
  add(&run->sums, &other);
  return ISO_OK;
}

/* Rounding leaves equal norms a spread of about the square of the machine precision. */
static int varies(const sums *s, int view) {
  return s->squares[view] > 1e-24 * (double)s->n * s->mean[view] * s->mean[view];
}

static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  const sums *s = &run->sums;
  (void)model;
  *again = 0;
  if (!varies(s, 0) || !varies(s, 1)) return report(out, 0, "the norms of a view do not vary", s->n, err);
  double value = s->product / sqrt(s->squares[0] * s->squares[1]);
  return report(out, fmax(-1, fmin(1, value)), "", s->n, err);
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
