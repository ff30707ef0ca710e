/* SPDX-License-Identifier: ISC */
/* Free lists, one for each multiple of 64 bytes.  A kept block begins with the
 * pointer to the next; the rest of it is poisoned for ASan. */

#include "base/recycle.h"

#include "base/attr.h"
#include "base/mem.h"

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own; only its header and it know them. */
void __asan_poison_memory_region(const volatile void *mem, size_t size);
void __asan_unpoison_memory_region(const volatile void *mem, size_t size);
#define hide __asan_poison_memory_region
#define show __asan_unpoison_memory_region
#else
#define hide(mem, size) ((void)(mem), (void)(size))
#define show(mem, size) ((void)(mem), (void)(size))
#endif

#define STEP 64
#define SIZE_MAX_KEPT 4096
#define BYTES_MAX (4u << 20)

struct kept {
	struct kept *next;
};

static struct kept *lists[SIZE_MAX_KEPT / STEP];
static size_t bytes_kept;

/* What a block of this size really has. */
static size_t
rounded(size_t size)
{
	return size == 0 ? STEP : (size + STEP - 1) / STEP * STEP;
}

/* Gives one block back to the heap, of each size in turn: what nobody asks for
 * any more must not stand in the way of what is in use. */
static void
drop_one(void)
{
	static size_t turn;
	struct kept *block;
	size_t size;

	do
		turn = (turn + 1) % ARRAY_LEN(lists);
	while (lists[turn] == NULL);
	block = lists[turn];
	size = (turn + 1) * STEP;
	lists[turn] = block->next;
	bytes_kept -= size;
	show(block, size);
	base_free(block);
}

void *
base_recycle_get(size_t size)
{
	struct kept **list, *block;

	if (size > SIZE_MAX_KEPT)
		return base_alloc(size);
	size = rounded(size);
	list = &lists[size / STEP - 1];
	block = *list;
	if (block == NULL)
		return base_alloc(size);
	*list = block->next;
	bytes_kept -= size;
	show(block, size);
	return block;
}

void
base_recycle_put(void *mem, size_t size)
{
	struct kept **list, *block = mem;

	if (mem == NULL)
		return;
	if (size > SIZE_MAX_KEPT) {
		base_free(mem);
		return;
	}
	size = rounded(size);
	while (bytes_kept + size > BYTES_MAX)
		drop_one();
	list = &lists[size / STEP - 1];
	block->next = *list;
	*list = block;
	bytes_kept += size;
	hide(block + 1, size - sizeof(*block));
}

size_t
base_recycle_kept(void)
{
	return bytes_kept;
}
