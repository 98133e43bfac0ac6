/*
 * seen_test.c
 *	  seen_core: nothing that was put in is missed, and little else is found.
 *	  Expected bits: libxxhash's library on the documented bytes.
 */
#include "tap.h"

#include "../../src/feed/seen_core.h"

static uint8_t bits[SEEN_BYTES];
static uint8_t next_bits[SEEN_BYTES];

int
main(void)
{
	static const int probes[SEEN_PROBES] = {381, 8858, 17335, 25812, 34289, 1806, 10283};
	uint8_t		want[SEEN_BYTES] = {0};
	int			found = 0;
	int			again = 0;
	int			both = 0;
	int			absent = 0;

	ok(!seen_test(bits, 1, 42), "an empty filter has seen nothing");
	ok(seen_add(bits, 1, 42), "a post is new");
	ok(!seen_add(bits, 1, 42), "and then it is not");
	for (int i = 0; i < SEEN_PROBES; i++)
		want[probes[i] / 8] |= (uint8_t) (1 << (probes[i] % 8));
	is_mem(bits, want, SEEN_BYTES, "its bits are those of the hash");
	ok(!seen_test(bits, 2, 42), "another generation hashes in another way");

	memset(bits, 0, sizeof(bits));
	for (int i = 0; i < SEEN_POSTS; i++)
	{
		seen_add(bits, 7, 1000003 * (int64_t) i - 5);
		seen_add(next_bits, 8, 1000003 * (int64_t) i - 5);
	}
	for (int i = 0; i < SEEN_POSTS; i++)
		found += seen_test(bits, 7, 1000003 * (int64_t) i - 5);
	is_i64(found, SEEN_POSTS, "no post is missed in a full generation");

	for (int i = 0; i < 200000; i++)
	{
		bool		in_this = seen_test(bits, 7, INT64_MAX - i);
		bool		in_next = seen_test(next_bits, 8, INT64_MAX - i);

		absent += in_this;
		again += in_next;
		both += in_this && in_next;
	}
	/* (1 - e^(-7 * 4096 / 40960))^7 = 0.819 %; five standard deviations are 0.101 % */
	ok(absent > 1436 && absent < 1840, "0.82 % of others seem to be in it");
	ok(again > 1436 && again < 1840, "so in the next generation");
	ok(both < 45, "but they are others: 13 of 200,000 in both");
	diag("%d, %d, %d of 200,000", absent, again, both);
	return done_testing();
}
