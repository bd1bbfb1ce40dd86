// SPDX-License-Identifier: LGPL-2.1-or-later
/* <dune/plugin.h>: what the functions check, and that they do their work in Dune mode. */
#define _GNU_SOURCE
#include "plugin.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "raw.h"

#define MEMORY_DEFAULT	(64UL << 20)
#define STACK_DEFAULT	(256UL << 10)
#define STACK_MIN	(64UL << 10)
#define TIME_DEFAULT	1000000000UL
#define MAILBOX_SIZE	(2 * PAGE)

/* What is to be done in Dune mode; not all of it is used by each. */
struct task {
	long (*fn)(struct task *task);
	struct dune_plugin *p;
	uint64_t address, len;
	void *host;
	const uint64_t *args;
	uint64_t *result;
	unsigned int count;
	const char *text;
};

static long do_task(void *arg)
{
	struct task *task = arg;

	return task->fn(task);
}

static long in_dune(struct task *task)
{
	struct dune_plugin *p = task->p;
	long ret = 0;
	int err;

	if (!p)
		return -EINVAL;
	pthread_mutex_lock(&p->lock);
	if (dune_inside()) {
		ret = task->fn(task);
	} else {
		err = dune_call(do_task, task, &ret);
		if (err) {
			plugin_running = NULL;
			p->dead = true;
			ret = err;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* On the plugin's root: what is copied is marked as written, and grants are where the plugin has them. */
static long on_root(struct dune_plugin *p, long (*copy)(struct task *task), struct task *task)
{
	struct dune_root *outer = dune_root_current();
	long ret;

	dune_root_switch(p->root);
	ret = copy(task);
	dune_root_switch(outer);
	return ret;
}

/* ---- Copies ------------------------------------------------------------------------------------------ */

static long copy_in(struct task *t)
{
	return plugin_copy_in(t->p, t->address, t->host, t->len);
}

static long copy_out(struct task *t)
{
	return plugin_copy_out(t->p, t->host, t->address, t->len);
}

static long task_write(struct task *t)
{
	return on_root(t->p, copy_in, t);
}

static long task_read(struct task *t)
{
	return on_root(t->p, copy_out, t);
}

int dune_plugin_write(struct dune_plugin *plugin, uint64_t to, const void *from, size_t len)
{
	struct task t = { .fn = task_write, .p = plugin, .address = to, .host = (void *)from, .len = len };

	return in_dune(&t);
}

int dune_plugin_read(struct dune_plugin *plugin, void *to, uint64_t from, size_t len)
{
	struct task t = { .fn = task_read, .p = plugin, .address = from, .host = to, .len = len };

	return in_dune(&t);
}

/* ---- Buffers -------------------------------------------------------------------------------------------- */

static uint64_t in_pages(size_t len)
{
	return len > SPACE_SIZE ? 0 : (len + PAGE - 1) & ~(PAGE - 1);
}

static long task_alloc(struct task *t)
{
	uint64_t at = plugin_find(t->p, t->len);
	long ret = at ? plugin_map(t->p, at, t->len, PG_READ | PG_WRITE, -1, 0) : -ENOMEM;

	if (ret < 0)
		return ret;
	*t->result = at;
	return 0;
}

int dune_plugin_alloc(struct dune_plugin *plugin, size_t len, uint64_t *address)
{
	struct task t = { .fn = task_alloc, .p = plugin, .len = in_pages(len), .result = address };

	return t.len ? in_dune(&t) : -EINVAL;
}

static long task_free(struct task *t)
{
	return plugin_unmap(t->p, t->address, t->len);
}

int dune_plugin_free(struct dune_plugin *plugin, uint64_t address, size_t len)
{
	struct task t = { .fn = task_free, .p = plugin, .address = address, .len = in_pages(len) };

	return t.len ? in_dune(&t) : -EINVAL;
}

int dune_plugin_put(struct dune_plugin *plugin, const void *from, size_t len, uint64_t *address)
{
	int err = dune_plugin_alloc(plugin, len, address);

	return err ? err : dune_plugin_write(plugin, *address, from, len);
}

/* ---- Grants ------------------------------------------------------------------------------------------------ */

static long task_grant(struct task *t)
{
	uint64_t at = plugin_find(t->p, t->len);
	int err;

	if (!at)
		return -ENOMEM;
	err = dune_pt_map(t->p->root, at, t->len, (uintptr_t)t->host, t->count | DUNE_PROT_USER);
	if (err)
		return err;
	plugin_note(t->p, plugin_page_of(t->p, at), t->len / PAGE,
		    PG_MAPPED | PG_GRANT | PG_READ | (t->count & DUNE_PROT_WRITE ? PG_WRITE : 0));
	*t->result = at;
	return 0;
}

int dune_plugin_grant(struct dune_plugin *plugin, void *hva, size_t len, int prot, uint64_t *address)
{
	struct task t = {
		.fn = task_grant, .p = plugin, .host = hva, .len = len, .count = prot, .result = address,
	};

	if (!len || len > SPACE_SIZE || ((uintptr_t)hva | len) % PAGE || !(prot & DUNE_PROT_READ) ||
	    prot & ~(DUNE_PROT_READ | DUNE_PROT_WRITE))
		return -EINVAL;
	return in_dune(&t);
}

static long task_revoke(struct task *t)
{
	int err;

	if (!plugin_has(t->p, t->address, t->len, PG_MAPPED | PG_GRANT))
		return -EINVAL;
	err = dune_pt_map(t->p->root, t->address, t->len, t->address,
			  DUNE_PROT_READ | DUNE_PROT_WRITE | DUNE_PROT_EXEC | DUNE_PROT_USER);
	if (err)
		return err;
	plugin_note(t->p, plugin_page_of(t->p, t->address), t->len / PAGE, 0);
	return 0;
}

int dune_plugin_revoke(struct dune_plugin *plugin, uint64_t address, size_t len)
{
	struct task t = { .fn = task_revoke, .p = plugin, .address = address, .len = len };

	return !len || (address | len) % PAGE ? -EINVAL : in_dune(&t);
}

/* ---- Calls -------------------------------------------------------------------------------------------------- */

static long call_with_stack(struct task *t)
{
	return plugin_call(t->p, t->address, t->args, t->count, t->result);
}

static long task_call(struct task *t)
{
	return on_root(t->p, call_with_stack, t);
}

int dune_plugin_call(struct dune_plugin *plugin, uint64_t fn, const uint64_t *args, unsigned int count,
		     uint64_t *result)
{
	struct task t = {
		.fn = task_call, .p = plugin, .address = fn, .args = args, .count = count, .result = result,
	};

	return count > DUNE_PLUGIN_ARGS ? -EINVAL : in_dune(&t);
}

int dune_plugin_limit(struct dune_plugin *plugin, uint64_t time_ns)
{
	if (!plugin)
		return -EINVAL;
	pthread_mutex_lock(&plugin->lock);
	plugin->policy.time_ns = time_ns ? time_ns : TIME_DEFAULT;
	pthread_mutex_unlock(&plugin->lock);
	return 0;
}

/* A function of the dynamic linker's, with a string. */
static long call_with_text(struct dune_plugin *p, uint64_t fn, uint64_t first, const char *text, uint64_t last,
			   uint64_t *result)
{
	uint64_t args[2] = { first, p->mailbox };
	long err = plugin_copy_in(p, p->mailbox, text, strlen(text) + 1);

	if (fn == p->stub.dlopen) {
		args[0] = p->mailbox;
		args[1] = last;
	}
	return err ? err : plugin_call(p, fn, args, 2, result);
}

static long sym_on_root(struct task *t)
{
	long err = call_with_text(t->p, t->p->stub.dlsym, t->p->handle, t->text, 0, t->result);

	return err ? err : *t->result ? 0 : -ENOENT;
}

static long task_sym(struct task *t)
{
	return on_root(t->p, sym_on_root, t);
}

int dune_plugin_sym(struct dune_plugin *plugin, const char *name, uint64_t *address)
{
	struct task t = { .fn = task_sym, .p = plugin, .text = name, .result = address };

	return strlen(name) >= MAILBOX_SIZE ? -EINVAL : in_dune(&t);
}

static long task_reset(struct task *t)
{
	return plugin_restore(t->p);
}

int dune_plugin_reset(struct dune_plugin *plugin)
{
	struct task t = { .fn = task_reset, .p = plugin };

	return in_dune(&t);
}

/* ---- Open ---------------------------------------------------------------------------------------------------- */

/* Why ld.so would not: what it says, as far as it can be read. */
static void fetch_error(struct dune_plugin *p)
{
	char *text = p->error.text;
	char copy[sizeof(p->error.text)] = "";
	uint64_t at = 0;

	if (!plugin_call(p, p->stub.dlerror, NULL, 0, &at))
		plugin_copy_string(p, copy, at, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = 0;
	memcpy(text, copy, sizeof(copy));
	p->error.reason = DUNE_PLUGIN_LOAD;
}

static long load_object(struct task *t)
{
	struct dune_plugin *p = t->p;
	long err = call_with_text(p, p->stub.dlopen, 0, p->path, RTLD_NOW, &p->handle);

	if (!err && !p->handle) {
		fetch_error(p);
		return -ENOEXEC;
	}
	return err;
}

/* An error that the plugin itself made is told apart by p->error. */
static long as_open_error(struct dune_plugin *p, long err)
{
	return err && p->error.reason != DUNE_PLUGIN_FINE ? -ENOEXEC : err;
}

/* From the first instruction of ld.so to a handle of the object. */
static long start(struct task *t)
{
	struct dune_plugin *p = t->p;
	struct task mailbox = { .p = p, .len = MAILBOX_SIZE, .result = &p->mailbox };
	struct dune_trap begin = { 0 };
	long err = plugin_image_load(p, &begin.rip, &begin.rsp);

	if (err)
		return err;
	p->heap = p->base + HEAP_AT;
	p->opening = true;
	err = plugin_run(p, &begin);
	if (!err)
		err = task_alloc(&mailbox);
	return err ? err : load_object(t);
}

static long task_open(struct task *t)
{
	long err = plugin_space_new(t->p);

	if (err)
		return err;
	err = on_root(t->p, start, t);
	return err ? as_open_error(t->p, err) : plugin_snapshot(t->p);
}

static bool take_policy(struct dune_plugin *p, const struct dune_plugin_policy *policy)
{
	struct dune_plugin_policy *own = &p->policy;
	unsigned int i;

	if (policy)
		*own = *policy;
	if (own->flags & ~(DUNE_PLUGIN_STRICT | DUNE_PLUGIN_OUTPUT))
		return false;
	own->memory = in_pages(own->memory ? own->memory : MEMORY_DEFAULT);
	own->stack = in_pages(own->stack ? own->stack : STACK_DEFAULT);
	if (!own->time_ns)
		own->time_ns = TIME_DEFAULT;
	for (i = 0; own->read && own->read[i] && i < READ_MAX; i++) {
		p->read[i] = realpath(own->read[i], NULL);
		if (!p->read[i])
			return false;
	}
	if (own->read && own->read[i])
		return false;
	own->read = (const char *const *)p->read;
	return own->memory && own->stack >= STACK_MIN && own->stack <= STACK_MAX;
}

static struct dune_plugin *plugin_new(void)
{
	struct dune_plugin *p = calloc(1, sizeof(*p));
	unsigned int i;

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	for (i = 0; i < FILES; i++)
		p->file[i] = -1;
	p->vectors = plugin_vectors_new();
	if (p->vectors)
		return p;
	free(p);
	return NULL;
}

int dune_plugin_open(const char *path, const struct dune_plugin_policy *policy, struct dune_plugin **plugin)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct task t = { .fn = task_open };
	int err;

	*plugin = NULL;
	if (!dune_root_default())
		return -EINVAL;
	pthread_once(&once, plugin_monitor_init);
	t.p = plugin_new();
	if (!t.p)
		return -ENOMEM;
	if (!realpath(path, t.p->path))
		err = -errno;
	else if (!take_policy(t.p, policy))
		err = -EINVAL;
	else
		err = in_dune(&t);
	if (err && err != -ENOEXEC) {
		dune_plugin_close(t.p);
		return err;
	}
	*plugin = t.p;
	return err;
}

static long task_close(struct task *t)
{
	plugin_files_close(t->p);
	plugin_space_free(t->p);
	return 0;
}

void dune_plugin_close(struct dune_plugin *plugin)
{
	struct task t = { .fn = task_close, .p = plugin };
	unsigned int i;

	if (!plugin)
		return;
	in_dune(&t);
	for (i = 0; i < READ_MAX; i++)
		free(plugin->read[i]);
	pthread_mutex_destroy(&plugin->lock);
	free(plugin->vectors);
	free(plugin);
}

const struct dune_plugin_error *dune_plugin_error(const struct dune_plugin *plugin)
{
	return &plugin->error;
}

void dune_plugin_stats(const struct dune_plugin *plugin, struct dune_plugin_stats *stats)
{
	*stats = plugin->stats;
	stats->pages = plugin->mapped;
}
