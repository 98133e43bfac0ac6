/*
 * cursor_test.c
 *	  cursor_core: what goes in comes out, for its owner only, and nothing else
 *	  is accepted.
 */
#include "tap.h"

#include "../../src/feed/cursor_core.h"

static const CursorOwner owner =
{
	42,
	{0xA0, 0xEE, 0xBC, 0x99, 0x9C, 0x0B, 0x4E, 0xF8, 0xBB, 0x6D, 0x6B, 0xB9, 0xBD, 0x38, 0x0A, 0x11},
	"feed", 4, "browse", 6
};

static const char base64url[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static CursorContent sent;
static CursorContent received;
static char text[CURSOR_MAX_TEXT];

static bool
round_trip(void)
{
	size_t		length = cursor_encode(&sent, &owner, text);

	return length == strlen(text) && length < CURSOR_MAX_TEXT &&
		strspn(text, base64url) == length &&
		cursor_decode(text, length, &owner, &received) &&
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
	/* 02, fourteen zeros, then the checksum: RFC 4648 by hand */
	ok(strncmp(text, "AgAAAAAAAAAAAAAAAAAA", 20) == 0, "its first bytes are as documented");
	is_i64((int64_t) strlen(text), 31, "23 bytes are 31 letters");

	sent.as_of_us = INT64_C(820454400000000);
	sent.count = 5;
	memcpy(sent.ids, (int64_t[]) {17, 3, INT64_MAX, INT64_MIN, -1}, 5 * sizeof(int64_t));
	ok(round_trip(), "ids in any order, of any size");

	sent.count = CURSOR_MAX_IDS;
	for (int i = 0; i < CURSOR_MAX_IDS; i++)
		sent.ids[i] = 1000000 + (i * 7919) % 4096;
	ok(round_trip(), "500 ids");
	ok(strlen(text) < 1400, "near ids take about two bytes each");

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
	is_i64((int64_t) strlen(text), CURSOR_MAX_TEXT - 1, "fill the longest text");
}

static bool
refused(const char *what, size_t length, const CursorOwner *of)
{
	return ok(!cursor_decode(text, length, of, &received), what);
}

static void
test_owners(size_t length)
{
	CursorOwner other = owner;

	other.viewer[15] ^= 1;
	refused("another viewer is refused", length, &other);
	other = owner;
	other.program_id++;
	refused("another program is refused", length, &other);
	other = owner;
	other.surface = "shop";
	refused("another surface is refused", length, &other);
	other = owner;
	other.intent = "buy";
	other.intent_length = 3;
	refused("another intent is refused", length, &other);
	/* the same letters, divided elsewhere */
	other = owner;
	other.surface = "feedb";
	other.surface_length = 5;
	other.intent = "rowse";
	other.intent_length = 5;
	refused("surface and intent are apart", length, &other);
	other = owner;
	other.surface_length = 0;
	refused("no surface is another one", length, &other);
}

static void
test_refusals(void)
{
	size_t		length;
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
	length = cursor_encode(&sent, &owner, text);

	test_owners(length);
	ok(!cursor_decode("", 0, &owner, &received), "an empty text is refused");
	ok(!cursor_decode("not a cursor!", 13, &owner, &received), "other letters are refused");

	for (size_t cut = 0; cut < length; cut++)
		accepted += cursor_decode(text, cut, &owner, &received);
	is_i64(accepted, 0, "every shorter text is refused");

	for (size_t i = 0; i < length; i++)
	{
		char		kept = text[i];

		for (int c = 1; c < 256; c++)
		{
			text[i] = (char) c;
			if (text[i] != kept)
				accepted += cursor_decode(text, length, &owner, &received);
		}
		text[i] = kept;
	}
	is_i64(accepted, 0, "every change of one letter is refused");
	ok(cursor_decode(text, length, &owner, &received), "the unchanged text is accepted");

	/* posts 100 and 99 in the first version, which had no profile and no tail */
	ok(!cursor_decode("AQAAEe0y6gIAAsgBAZG5SuhSjamC", 28, &owner, &received), "version 1 is refused");

	sent.tail.count = 3;
	sent.count = 2;
	length = cursor_encode(&sent, &owner, text);
	refused("a tail of more posts than there were is refused", length, &owner);
	sent.tail.count = 2;
	sent.tail.last_sponsored = 3;
	length = cursor_encode(&sent, &owner, text);
	refused("so is a sponsored post behind the last one", length, &owner);

	memset(text, 'A', sizeof(text));
	ok(!cursor_decode(text, CURSOR_MAX_TEXT - 1, &owner, &received), "the longest text is read safely");
	ok(!cursor_decode(text, CURSOR_MAX_TEXT, &owner, &received), "a longer one is not read");
}

int
main(void)
{
	test_round_trips();
	test_refusals();
	return done_testing();
}
