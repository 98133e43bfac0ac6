/*
 * cursor_test.c
 *	  cursor_core: what goes in comes out, in the bytes that are documented, and
 *	  nothing else is read.  Seals and owners: sql/ranking.sql.
 */
#include "tap.h"

#include "../../src/feed/cursor_core.h"

static CursorContent sent;
static CursorContent received;
static uint8_t bytes[CURSOR_MAX_BYTES + 1];

static bool
round_trip(void)
{
	size_t		size = cursor_encode(&sent, bytes);

	return size <= CURSOR_MAX_BYTES && cursor_decode(bytes, size, &received) &&
		received.as_of_us == sent.as_of_us && received.count == sent.count &&
		received.profile_id == sent.profile_id && received.assignment_id == sent.assignment_id &&
		received.campaign_count == sent.campaign_count &&
		received.tail.delivered == sent.count && received.tail.count == sent.tail.count &&
		received.tail.last_sponsored == sent.tail.last_sponsored &&
		memcmp(received.tail.creators, sent.tail.creators, sent.tail.count * sizeof(int64_t)) == 0 &&
		memcmp(received.tail.categories, sent.tail.categories, sent.tail.count * sizeof(int64_t)) == 0 &&
		memcmp(received.campaigns, sent.campaigns, sent.campaign_count * sizeof(int64_t)) == 0 &&
		memcmp(received.ids, sent.ids, sent.count * sizeof(int64_t)) == 0;
}

static void
test_round_trips(void)
{
	sent.as_of_us = 0;
	sent.count = 0;
	ok(round_trip(), "an empty cursor");
	ok(bytes[0] == 3 && bytes[1] == 0 && memcmp(bytes + 1, bytes + 2, 13) == 0, "its bytes are as documented: 3, then zeros");
	is_i64((int64_t) cursor_encode(&sent, bytes), 15, "15 of them");

	sent.as_of_us = INT64_C(820454400000000);
	sent.count = 5;
	memcpy(sent.ids, (int64_t[]) {17, 3, INT64_MAX, INT64_MIN, -1}, 5 * sizeof(int64_t));
	ok(round_trip(), "ids in any order, of any size");

	sent.count = CURSOR_MAX_IDS;
	for (int i = 0; i < CURSOR_MAX_IDS; i++)
		sent.ids[i] = 1000000 + (i * 7919) % 4096;
	ok(round_trip(), "500 ids");
	ok(cursor_encode(&sent, bytes) < 1050, "near ids take about two bytes each");

	for (int i = 0; i < CURSOR_MAX_IDS; i++)
		sent.ids[i] = i % 2 ? 0 : INT64_MIN;
	sent.as_of_us = INT64_MIN;
	ok(round_trip(), "500 ids that need ten bytes each");

	sent.profile_id = INT64_MIN;
	sent.assignment_id = INT64_MIN;
	sent.tail.count = FEED_TAIL;
	sent.tail.last_sponsored = CURSOR_MAX_IDS;
	for (int i = 0; i < FEED_TAIL; i++)
	{
		sent.tail.creators[i] = i % 2 ? 0 : INT64_MIN;
		sent.tail.categories[i] = i % 2 ? 0 : INT64_MIN;
	}
	sent.campaign_count = CURSOR_MAX_CAMPAIGNS;
	for (int i = 0; i < CURSOR_MAX_CAMPAIGNS; i++)
		sent.campaigns[i] = i % 2 ? 0 : INT64_MIN;
	ok(round_trip(), "and a profile, a tail and campaigns that do");
	is_i64((int64_t) cursor_encode(&sent, bytes), CURSOR_MAX_BYTES, "fill the most bytes");
}

static bool
refused(const char *what, size_t size)
{
	return ok(!cursor_decode(bytes, size, &received), what);
}

/* A cursor of which each change of a byte is no cursor, or the one of what it then says. */
static int
changed_otherwise(size_t size)
{
	uint8_t		again[CURSOR_MAX_BYTES];
	int			wrong = 0;

	for (size_t i = 0; i < size; i++)
	{
		uint8_t		kept = bytes[i];

		for (int c = 0; c < 256; c++)
		{
			bytes[i] = (uint8_t) c;
			if (cursor_decode(bytes, size, &received) &&
				(cursor_encode(&received, again) != size || memcmp(again, bytes, size) != 0))
				wrong++;
		}
		bytes[i] = kept;
	}
	return wrong;
}

static void
test_refusals(void)
{
	size_t		size;
	int			accepted = 0;

	memset(&sent, 0, sizeof(sent));
	sent.as_of_us = INT64_C(820454400000000);
	sent.profile_id = 3;
	sent.tail.count = 2;
	sent.tail.creators[0] = 70;
	sent.tail.last_sponsored = 18;
	sent.campaign_count = 1;
	sent.campaigns[0] = 12;
	sent.count = 20;
	for (int i = 0; i < 20; i++)
		sent.ids[i] = 100 - i;
	size = cursor_encode(&sent, bytes);

	for (size_t cut = 0; cut < size; cut++)
		accepted += cursor_decode(bytes, cut, &received);
	is_i64(accepted, 0, "every shorter one is refused");
	bytes[size] = 0;
	refused("so is a longer one", size + 1);
	is_i64(changed_otherwise(size), 0, "whatever a changed byte says has these bytes only");
	ok(cursor_decode(bytes, size, &received), "the unchanged one is accepted");

	bytes[0] = 2;
	refused("version 2 is refused", size);

	sent.tail.count = 3;
	sent.count = 2;
	size = cursor_encode(&sent, bytes);
	refused("a tail of more posts than there were is refused", size);
	sent.tail.count = 2;
	sent.tail.last_sponsored = 3;
	size = cursor_encode(&sent, bytes);
	refused("so is a sponsored post behind the last one", size);

	memset(bytes, 0xFF, sizeof(bytes));
	bytes[0] = 3;
	refused("the most bytes are read safely", CURSOR_MAX_BYTES);
}

int
main(void)
{
	test_round_trips();
	test_refusals();
	return done_testing();
}
