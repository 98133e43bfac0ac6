/*
 * feed_order_test.c
 *	  feed_order_core: the rules of a page by hand, and that neither the batches
 *	  of verdicts nor the size of pages changes a session.
 *
 * A candidate is written as creator and category; posts are numbered from 1 in
 * order of score, and their media are their own unless a test says otherwise.
 */
#include "tap.h"

#include "../../src/feed/feed_order_core.h"

#define MOST 2000

static FeedCandidate candidates[MOST];
static uint8_t eligible[MOST];
static uint32_t candidate_count;
static FeedSponsored sponsored[50];
static uint32_t sponsored_count;

/* "a1 a1 b2": creators are letters, categories digits; x in front: not eligible */
static void
set_candidates(const char *list)
{
	candidate_count = 0;
	sponsored_count = 0;
	for (const char *at = list; *at; at++)
	{
		uint32_t	i = candidate_count;

		eligible[i] = FEED_ELIGIBLE;
		if (*at == ' ')
			continue;
		if (*at == 'x')
		{
			eligible[i] = FEED_REFUSED;
			at++;
		}
		candidates[i] = (FeedCandidate) {
			.post_id = i + 1, .creator_id = *at, .category_id = at[1] - '0', .media_key = 1000 + i + 1
		};
		at++;
		candidate_count++;
	}
}

static void
add_sponsored(int64_t campaign, int64_t post, char creator, int category, uint32_t room)
{
	sponsored[sponsored_count++] = (FeedSponsored) {
		{.post_id = post, .creator_id = creator, .category_id = category, .media_key = 1000 + post},
		campaign, room
	};
}

/* a session: what was delivered, page after page */
typedef struct Session
{
	FeedTail	tail;
	int64_t		posts[MOST];
	int64_t		media[MOST];
	uint8_t		is_sponsored[MOST];
	uint8_t		relaxed[MOST];
	uint32_t	count;
	uint32_t	asked;			/* verdicts given for the last page */
	uint32_t	rounds;			/* and how often it asked */
	uint32_t	breaches;		/* answers that it asked for twice, or of what it was not told */
} Session;

static Session session;

/* all answers are there from the beginning */
static bool all_told;

/* ordered: as many more candidates are in order each time that the page needs more */
static uint32_t
page(Session *s, uint32_t size, uint32_t ordered, bool diverse)
{
	FeedOrderInput input = {
		.candidates = candidates, .candidate_count = candidate_count,
		.sponsored = sponsored, .sponsored_count = sponsored_count,
		.delivered_posts = s->posts, .delivered_post_count = s->count,
		.delivered_media = s->media, .delivered_media_count = s->count,
		.tail = s->tail, .page_size = size, .diverse = diverse
	};
	void	   *memory = malloc(feed_order_size(&input));
	FeedOrder  *order = feed_order_begin(memory, &input);
	FeedOrderStep step;
	uint32_t	placed;

	if (all_told)
	{
		memcpy(order->answers, eligible, candidate_count);
		order->ordered = candidate_count;
	}
	s->asked = s->rounds = 0;
	while ((step = feed_order_run(order)) != FEED_ORDER_DONE)
	{
		if (step == FEED_ORDER_MORE)
		{
			s->breaches += order->ordered >= candidate_count;
			order->ordered = order->ordered + ordered < candidate_count ? order->ordered + ordered : candidate_count;
			continue;
		}
		s->rounds++;
		s->breaches += order->asked_count == 0;
		for (uint32_t i = 0; i < order->asked_count; i++)
		{
			s->breaches += order->asked[i] >= order->ordered || order->answers[order->asked[i]] != FEED_UNKNOWN;
			order->answers[order->asked[i]] = eligible[order->asked[i]];
			s->asked++;
		}
	}
	placed = order->placed;
	for (uint32_t i = 0; i < placed; i++)
	{
		FeedPlace	place = order->places[i];
		const FeedCandidate *post = place.sponsored ? &sponsored[place.index].post : &candidates[place.index];

		s->posts[s->count] = post->post_id;
		s->media[s->count] = post->media_key;
		s->is_sponsored[s->count] = place.sponsored;
		s->relaxed[s->count++] = place.relaxed;
	}
	s->tail = order->tail;
	free(memory);
	return placed;
}

/* A session of pages until nothing comes, as "1 2 $100 3": $ is sponsored. */
static const char *
scroll(uint32_t size, uint32_t ordered, bool diverse)
{
	static char text[MOST * 8];
	size_t		length = 0;

	memset(&session, 0, sizeof(session));
	while (session.count < 500 && page(&session, size, ordered, diverse) > 0)
		;
	text[0] = '\0';
	for (uint32_t i = 0; i < session.count; i++)
		length += (size_t) sprintf(text + length, "%s%s%d", i ? " " : "",
								   session.is_sponsored[i] ? "$" : "", (int) session.posts[i]);
	return text;
}

static void
test_diversity(void)
{
	set_candidates("a1 b2 c3 d4");
	is_str(scroll(10, 3, true), "1 2 3 4", "different creators stay in order of score");
	set_candidates("a1 xb2 c3 xd4");
	is_str(scroll(10, 3, true), "1 3", "what may not be shown is not");
	set_candidates("");
	is_str(scroll(10, 3, true), "", "no candidates, no page");
	set_candidates("xa1 xb2");
	is_str(scroll(10, 1, true), "", "nothing eligible, no page");

	set_candidates("a1 a2 b3 c4");
	is_str(scroll(10, 1, true), "1 3 2 4", "no two in a row of one creator");
	/* the third of a waits until the first is ten places back */
	set_candidates("a1 b1 a2 a3 c2 d3 e4 f5 g6 h7 i8 j9");
	is_str(scroll(20, 4, true), "1 2 3 5 6 7 8 9 10 11 4 12", "two of a creator in any ten");
	/* five of category 1: the fifth waits until the first is ten places back */
	set_candidates("a1 b1 c1 d1 e1 f2 g3 h4 i5 j6 k7 l8");
	is_str(scroll(20, 4, true), "1 2 3 4 6 7 8 9 10 11 5 12", "four of a category in any ten");
	set_candidates("a0 b0 c0 d0 e0 f0");
	is_str(scroll(20, 4, true), "1 2 3 4 5 6", "no category is none in common");

	/* only a and b are left: the category gives way first, then the window, then neighbours */
	set_candidates("a1 b1 c1 d1 e1");
	is_str(scroll(20, 2, true), "1 2 3 4 5", "the category gives way");
	is_i64(session.relaxed[4], FEED_NOT_CATEGORY, "as the first");
	set_candidates("a1 b2 a3 b4 a5 b6");
	is_str(scroll(20, 2, true), "1 2 3 4 5 6", "then the creator's window");
	is_i64(session.relaxed[4], FEED_NOT_CREATOR, "as the second");
	set_candidates("a1 a2 a3 b4");
	is_str(scroll(20, 2, true), "1 4 2 3", "then neighbours");
	is_i64(session.relaxed[3], FEED_NOT_ADJACENT, "as the last");
	/* after b, the third a: better, but its window is a rule to give up; e1 costs the category only */
	set_candidates("a1 b1 a1 b1 a2 e1");
	is_str(scroll(20, 9, true), "1 2 3 4 6 5", "the rule that gives way first decides, not the score");

	set_candidates("a1 a1 a1 a1 a1 a1");
	is_str(scroll(20, 9, false), "1 2 3 4 5 6", "a viewer without a signal sees what is popular");
	is_i64(session.relaxed[5], FEED_KEPT_ALL, "and nothing was relaxed");
}

static void
test_duplicates(void)
{
	set_candidates("a1 b2 c3");
	candidates[1].media_key = candidates[0].media_key;
	is_str(scroll(10, 9, true), "1 3", "media are shown once, the better post");
	is_str(scroll(1, 1, true), "1 3", "also on the next page");
	eligible[0] = FEED_REFUSED;
	is_str(scroll(10, 9, true), "2 3", "whose better post may not be shown has no duplicate");

	/* post 3 has the media of post 2, which waits because of its creator */
	set_candidates("a1 a2 b3 c4");
	candidates[2].media_key = candidates[1].media_key;
	is_str(scroll(10, 9, true), "1 4 2", "also while the better one waits");

	set_candidates("a1 b2 c3");
	candidates[1].media_key = candidates[2].post_id;
	is_str(scroll(10, 9, true), "1 2 3", "a post's number is no media key");
}

static void
test_sponsored(void)
{
	set_candidates("a1 b2 c3 d4 e5 f6 g7 h8 i9 j1 k2 l3 m4");
	add_sponsored(1, 100, 'z', 0, 9);
	add_sponsored(2, 101, 'y', 0, 9);
	add_sponsored(3, 102, 'x', 0, 9);
	is_str(scroll(50, 5, true), "1 2 $100 3 4 5 6 $101 7 8 9 10 11 12 13", "third place, then every fifth, while five are left");
	is_str(scroll(4, 5, true), "1 2 $100 3 4 5 6 $101 7 8 9 10 11 12 13", "the same on short pages");
	is_str(scroll(1, 1, true), "1 2 $100 3 4 5 6 $101 7 8 9 10 11 12 13", "and one by one");

	set_candidates("a1 b2 c3 d4 e5 f6");
	add_sponsored(1, 100, 'z', 0, 9);
	is_str(scroll(50, 5, true), "1 2 3 4 5 6", "none when fewer than five are left");
	set_candidates("a1 b2 c3 d4 e5 f6 g7");
	add_sponsored(1, 100, 'z', 0, 9);
	is_str(scroll(50, 1, true), "1 2 $100 3 4 5 6 7", "one with exactly five left");

	/* b is the neighbour before, so the next campaign has the slot */
	set_candidates("a1 b2 c3 d4 e5 f6 g7 h8");
	add_sponsored(1, 100, 'b', 0, 9);
	add_sponsored(2, 101, 'y', 0, 9);
	is_str(scroll(6, 9, true), "1 2 $101 3 4 5 6 7 8", "what diversity forbids gives its slot to the next");
	sponsored_count = 1;
	is_str(scroll(6, 9, true), "1 2 3 $100 4 5 6 7 8", "or to an organic post, and comes one later");
}

static void
test_campaigns(void)
{
	/* twelve organic posts: slots at 3, 8 */
	const char *organic = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j1 k2 l3 m4 n5 o6 p7 q8";

	set_candidates(organic);
	add_sponsored(1, 100, 'z', 0, 1);
	add_sponsored(1, 101, 'y', 0, 1);
	add_sponsored(2, 102, 'x', 0, 1);
	is_str(scroll(50, 5, true), "1 2 $100 3 4 5 6 $102 7 8 9 10 11 12 13 14 15 16 17", "a campaign as often as it has room");
	set_candidates(organic);
	add_sponsored(1, 100, 'z', 0, 0);
	is_str(scroll(50, 5, true), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "none without room");

	/* post 4 is sponsored as well: it is delivered once */
	set_candidates(organic);
	add_sponsored(1, 4, 'd', 4, 9);
	is_str(scroll(50, 5, true), "1 2 $4 3 5 6 7 8 9 10 11 12 13 14 15 16 17", "a sponsored post does not come again");
	is_str(scroll(2, 5, true), "1 2 $4 3 5 6 7 8 9 10 11 12 13 14 15 16 17", "nor on the next page");
	set_candidates(organic);
	add_sponsored(1, 1, 'a', 1, 9);
	is_str(scroll(50, 5, true), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "what was delivered is not sponsored afterwards");
	set_candidates(organic);
	add_sponsored(1, 100, 'z', 0, 9);
	sponsored[0].post.media_key = candidates[3].media_key;
	is_str(scroll(50, 1, true), "1 2 $100 3 5 6 7 8 9 10 11 12 13 14 15 16 17", "nor do its media");

	/* category 1 is full with four of ten: the campaign waits for the window */
	set_candidates("a1 b1 c1 d1 e2 f3 g4 h5 i6 j7 k8 l9 m2 n3 o4 p5");
	add_sponsored(1, 100, 'z', 1, 9);
	is_str(scroll(50, 5, true), "1 2 $100 3 5 6 7 8 9 10 4 11 12 13 14 15 16", "a sponsored post is one of its category");
}

static uint64_t seed = 88172645463325252;

static uint32_t
draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 33) % below;
}

/* Counts breaches of the rules that were not relaxed. */
static int
count_breaches(const Session *s)
{
	int			breaches = 0;
	int64_t		creators[MOST];
	int64_t		categories[MOST];
	int			last = 0;

	for (uint32_t i = 0; i < s->count; i++)
	{
		const FeedCandidate *post = s->posts[i] > MOST ? &sponsored[s->posts[i] - MOST - 1].post : &candidates[s->posts[i] - 1];
		int			same_creator = 1;
		int			same_category = 1;

		creators[i] = post->creator_id;
		categories[i] = post->category_id;
		for (uint32_t j = i > 9 ? i - 9 : 0; j < i; j++)
		{
			same_creator += creators[j] == creators[i];
			same_category += categories[i] != 0 && categories[j] == categories[i];
		}
		breaches += s->relaxed[i] < FEED_NOT_ADJACENT && i > 0 && creators[i] == creators[i - 1];
		breaches += s->relaxed[i] < FEED_NOT_CREATOR && same_creator > 2;
		breaches += s->relaxed[i] < FEED_NOT_CATEGORY && same_category > 4;
		for (uint32_t j = 0; j < i; j++)
			breaches += s->posts[j] == s->posts[i] || s->media[j] == s->media[i];
		if (s->is_sponsored[i])
		{
			breaches += i < 2 || (last > 0 && (int) i + 1 - last < 5) || s->relaxed[i] != FEED_KEPT_ALL;
			last = (int) i + 1;
		}
		else
			breaches += s->posts[i] > MOST || eligible[s->posts[i] - 1] != FEED_ELIGIBLE;
	}
	return breaches;
}

static void
test_sessions(void)
{
	static Session whole;
	int			differ = 0;
	int			breaches = 0;

	for (int round = 0; round < 300; round++)
	{
		uint32_t	creators = 1 + draw(round % 3 ? 60 : 4);

		candidate_count = draw(400);
		for (uint32_t i = 0; i < candidate_count; i++)
		{
			candidates[i] = (FeedCandidate) {
				.post_id = i + 1, .creator_id = draw(creators), .category_id = draw(8),
				.media_key = draw(round % 2 ? 10 : 2) ? 1000 + i : 1000 + draw(i + 1)
			};
			eligible[i] = draw(4) > 0 ? FEED_ELIGIBLE : FEED_REFUSED;
		}
		sponsored_count = draw(8);
		for (uint32_t i = 0; i < sponsored_count; i++)
			sponsored[i] = (FeedSponsored) {
				{.post_id = MOST + 1 + i, .creator_id = draw(creators), .category_id = draw(8),
				.media_key = draw(3) || candidate_count == 0 ? 100000 + i : 1000 + draw(candidate_count)},
				i, 1
			};
		all_told = true;
		scroll(500, 1000, true);
		all_told = false;
		whole = session;
		breaches += count_breaches(&session) + (int) session.breaches + (int) session.rounds;
		scroll(1 + draw(30), 1 + draw(70), true);
		differ += session.count != whole.count ||
			memcmp(session.posts, whole.posts, session.count * sizeof(int64_t)) != 0;
		breaches += (int) session.breaches;
	}
	is_i64(breaches, 0, "300 random sessions keep the rules");
	is_i64(differ, 0, "candidates in any portions and pages of any size give the session that asking about all first gives");

	candidate_count = 1600;
	for (uint32_t i = 0; i < candidate_count; i++)
	{
		candidates[i] = (FeedCandidate) {
			.post_id = i + 1, .creator_id = i % 40, .category_id = 1 + i % 9, .media_key = i
		};
		eligible[i] = FEED_ELIGIBLE;
	}
	sponsored_count = 0;
	memset(&session, 0, sizeof(session));
	page(&session, 20, 50, true);
	is_i64(session.rounds, 1, "a page of 20 out of 1,600 asks once");
	is_i64(session.asked, 25, "about those that it shows, and five in reserve");
	is_i64((int64_t) session.posts[19], 20, "which are the best ones");

	/* what cannot be shown anyway is not asked about */
	for (uint32_t i = 0; i < candidate_count; i++)
		candidates[i].creator_id = i < 1000 ? 1 : i;
	memset(&session, 0, sizeof(session));
	page(&session, 20, 50, true);
	ok(session.asked <= 25, "of a thousand posts of one creator it asks about a few");

	/* nor are twins of its posts asked about one after the other */
	for (uint32_t i = 0; i < 1000; i++)
		candidates[i].media_key = i / 2;
	for (uint32_t i = 1000; i < candidate_count; i++)
		candidates[i].media_key = i;
	memset(&session, 0, sizeof(session));
	page(&session, 20, 50, true);
	is_i64(session.rounds, 1, "five hundred posts of it with a twin each need no more rounds");
	/* a thousand posts of one picture, none of which may be shown: 1, 2, 4, ... are asked about */
	for (uint32_t i = 0; i < 1000; i++)
	{
		candidates[i].media_key = 5000;
		candidates[i].creator_id = i;
		eligible[i] = FEED_REFUSED;
	}
	memset(&session, 0, sizeof(session));
	page(&session, 20, 50, true);
	ok(session.rounds <= 12, "nor are refused posts of the same media, by whomever");
	is_i64((int64_t) session.posts[0], 1001, "behind which the page begins");
	for (uint32_t i = 0; i < 1000; i++)
	{
		candidates[i].media_key = i;
		candidates[i].creator_id = 1;
	}

	/* the fewer may be shown, the more are asked about at once */
	for (uint32_t i = 0; i < candidate_count; i++)
		eligible[i] = FEED_REFUSED;
	memset(&session, 0, sizeof(session));
	page(&session, 20, 1600, true);
	is_i64(session.count, 0, "when none may be shown, none is");
	is_i64(session.asked, 1600, "after all were asked about");
	ok(session.rounds <= 8, "in a few rounds");
}

/* A guess about media is no answer: the better post decides, whatever the worse one. */
static void
test_guesses(void)
{
	set_candidates("a1 xb2 c3 d4");
	candidates[2].media_key = candidates[1].media_key;
	is_str(scroll(10, 1, true), "1 3 4", "a post whose better twin is refused is shown");
	set_candidates("a1 b2 c3 d4");
	candidates[2].media_key = candidates[1].media_key;
	is_str(scroll(2, 4, true), "1 2 4", "and not when the twin may be shown");

	/* five are wanted before the slot: x's are none */
	set_candidates("a1 b2 c3 d4 xe5 xf6 xg7 xh8 xi9 j1 k2 l3");
	add_sponsored(1, 100, 'z', 0, 9);
	is_str(scroll(20, 3, true), "1 2 $100 3 4 10 11 12", "five that may be shown are behind the slot");
	set_candidates("a1 b2 c3 d4 xe5 xf6 xg7 xh8 xi9 j1 k2");
	add_sponsored(1, 100, 'z', 0, 9);
	is_str(scroll(20, 3, true), "1 2 3 4 10 11", "four are not enough, whatever was guessed");

	/* d1 is refused, so that the fifth of category 1 has its place without breaking a rule */
	set_candidates("a1 b1 c1 xd1 e1 f2");
	is_str(scroll(20, 6, true), "1 2 3 5 6", "who is refused counts for no rule");
	is_i64(session.relaxed[3], FEED_KEPT_ALL, "and makes none give way");
}

static void
test_limits(void)
{
	FeedOrderInput input = {.candidate_count = FEED_MAX_CANDIDATES + 1};

	is_u64(feed_order_size(&input), 0, "too many candidates");
	input.candidate_count = 0;
	ok(feed_order_size(&input) > 0, "none are fine");
	input.tail.count = FEED_TAIL + 1;
	is_u64(feed_order_size(&input), 0, "a tail that is too long");
}

int
main(void)
{
	test_diversity();
	test_duplicates();
	test_sponsored();
	test_campaigns();
	test_sessions();
	test_guesses();
	test_limits();
	return done_testing();
}
