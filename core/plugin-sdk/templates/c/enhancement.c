/* Subtracts the mean of the rows. The map is affine, so the host maps moments in closed form and reads no row again. */
#include "isoscope.h"
#include <stdlib.h>
#include <string.h>

/* Read by hosts without running any code of this file. */
ISO_MANIFEST_SECTION static const char manifest[] =
    "{\"schema\":1,\"id\":\"org.example.my_plugin\",\"version\":\"0.1.0\",\"abi\":{\"major\":1,\"min_minor\":0},"
    "\"ops\":[{\"id\":\"my_plugin\",\"kind\":\"enhancement\",\"version\":1,\"needs\":\"moments\",\"parts\":[\"second\"],\"affine\":true,"
    "\"doc\":\"Subtracts the mean of the rows.\","
    "\"outputs\":[],"
    "\"params\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}}]}";

struct iso_op {
  uint64_t cols;
};
/* A run only applies: it holds the model, which is the mean. */
struct iso_run {
  uint64_t cols;
  double mean[];
};

static iso_status fail(iso_err *err, iso_status status, const char *text) {
  err->len = (uint32_t)strlen(text);
  memcpy(err->msg, text, err->len);
  return status;
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

/* Fits: the model is the mean. Data that admit no fit are ISO_FAILED, with the reason. */
static iso_status measure(const iso_op *op, const iso_moments *m, const iso_out *out, iso_sink model, uint32_t *again,
                          iso_err *err) {
  (void)out;
  *again = 0;
  if (m->n == 0) return fail(err, ISO_FAILED, "no rows have no mean");
  int32_t refused = model.write(model.ctx, (const uint8_t *)m->mean, op->cols * sizeof(double));
  return refused == 0 ? ISO_OK : fail(err, ISO_RESOURCE, "the model could not be written");
}

static iso_status op_begin(const iso_op *op, iso_bytes model, uint32_t pass, iso_run **out, iso_err *err) {
  (void)pass;
  uint64_t size = op->cols * sizeof(double);
  if (model.len != size) return fail(err, ISO_INVALID, "the model has another width");
  if ((*out = malloc(sizeof(iso_run) + size)) == NULL) return fail(err, ISO_RESOURCE, "out of memory");
  (*out)->cols = op->cols;
  memcpy((*out)->mean, model.ptr, size);
  return ISO_OK;
}

static void run_end(iso_run *run) { free(run); }

static iso_status apply(const iso_run *run, const iso_batch *batch, iso_matrix *out, iso_err *err) {
  (void)err;
  for (uint64_t i = 0; i < batch->rows; i++) {
    const double *row = (const double *)batch->views[0].data + (int64_t)i * batch->views[0].row_stride;
    double *mapped = (double *)out->data + (int64_t)i * out->row_stride;
    for (uint64_t j = 0; j < run->cols; j++) mapped[j] = row[j] - run->mean[j];
  }
  return ISO_OK;
}

static iso_status output_cols(const iso_op *op, iso_bytes model, uint64_t *cols, iso_err *err) {
  (void)model, (void)err;
  *cols = op->cols;
  return ISO_OK;
}

/* y = a x + c: the identity, and the mean with another sign. */
static iso_status affine(const iso_op *op, iso_bytes model, double *a, double *c, iso_err *err) {
  if (model.len != op->cols * sizeof(double)) return fail(err, ISO_INVALID, "the model has another width");
  memcpy(c, model.ptr, model.len);
  for (uint64_t i = 0; i < op->cols; i++) {
    c[i] = -c[i];
    for (uint64_t j = 0; j < op->cols; j++) a[i * op->cols + j] = i == j;
  }
  return ISO_OK;
}

static int is(iso_bytes id, const char *name) { return id.len == strlen(name) && memcmp(id.ptr, name, id.len) == 0; }

static const void *get_extension(iso_bytes id) {
  static const iso_moments_ops moments = {.struct_size = sizeof(iso_moments_ops), .measure = measure};
  static const iso_enhance_ops enhance = {
      .struct_size = sizeof(iso_enhance_ops), .output_cols = output_cols, .affine = affine};
  if (is(id, "iso.moments/1")) return &moments;
  return is(id, "iso.enhance/1") ? &enhance : NULL;
}

/* The op is fitted on moments, so it folds no rows. */
static iso_status run_update(iso_run *run, const iso_batch *batch, iso_err *err) {
  (void)run, (void)batch;
  return fail(err, ISO_UNSUPPORTED, "this op is fitted on moments");
}
static iso_status run_save(const iso_run *run, iso_sink state, iso_err *err) {
  (void)run, (void)state;
  return fail(err, ISO_UNSUPPORTED, "this op is fitted on moments");
}
static iso_status run_merge(iso_run *run, iso_bytes state, iso_err *err) {
  (void)run, (void)state;
  return fail(err, ISO_UNSUPPORTED, "this op is fitted on moments");
}
static iso_status run_finish(iso_run *run, const iso_out *out, iso_sink model, uint32_t *again, iso_err *err) {
  (void)run, (void)out, (void)model, (void)again;
  return fail(err, ISO_UNSUPPORTED, "this op is fitted on moments");
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
    .apply = apply,
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
