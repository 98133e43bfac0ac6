/*
 * feed_order_fuzz.c
 *	  feed_order_core: the page that the rules give when they are written naively
 *	  over all candidates at once, in whatever portions they come.
 */
#include "fuzz.h"

#include "../../src/feed/feed_order_core.h"

#define MOST 64
#define DELIVERED 24

static FeedCandidate candidates[MOST];
static uint8_t eligible[MOST];
static FeedSponsored sponsored[8];
static int64_t delivered_posts[DELIVERED];
static int64_t delivered_media[DELIVERED];

/* what the session delivered, for the naive rules: the tail, then this page */
typedef struct Delivered
{
	int64_t		creators[FEED_TAIL + MOST + 8];
	int64_t		categories[FEED_TAIL + MOST + 8];
	int64_t		posts[DELIVERED + MOST + 8];
	int64_t		media[DELIVERED + MOST + 8];
	uint32_t	shown;
	uint32_t	keys;
	uint32_t	used[8];		/* times a campaign of the list was delivered here */
} Delivered;

static bool
was_delivered(const Delivered *d, const FeedCandidate *post, bool *same_post)
{
	uint32_t	i;
	bool		media = false;

	*same_post = false;
	for (i = 0; i < d->keys; i++)
	{
		*same_post |= d->posts[i] == post->post_id;
		media |= d->media[i] == post->media_key;
	}
	return *same_post || media;
}

static bool
may_stand(const Delivered *d, const FeedCandidate *post, int relaxed)
{
	uint32_t	creators = 0;
	uint32_t	categories = 0;
	uint32_t	i;

	for (i = d->shown > FEED_TAIL ? d->shown - FEED_TAIL : 0; i < d->shown; i++)
	{
		creators += d->creators[i] == post->creator_id;
		categories += post->category_id != 0 && d->categories[i] == post->category_id;
	}
	return (relaxed >= 1 || categories + 1 <= FEED_CATEGORY_MOST) &&
		(relaxed >= 2 || creators + 1 <= FEED_CREATOR_MOST) &&
		(relaxed >= 3 || d->shown == 0 || d->creators[d->shown - 1] != post->creator_id);
}

/* Whether a candidate waits: eligible, not delivered, no better one's media. */
static bool
waits(const Delivered *d, uint32_t index)
{
	bool		same_post;
	bool		other_post;
	uint32_t	i;

	if (eligible[index] != FEED_ELIGIBLE || was_delivered(d, &candidates[index], &same_post))
		return false;
	for (i = 0; i < index; i++)
		if (eligible[i] == FEED_ELIGIBLE && candidates[i].media_key == candidates[index].media_key &&
			!(was_delivered(d, &candidates[i], &other_post) && other_post))
			return false;
	return true;
}

static void
show(Delivered *d, const FeedCandidate *post)
{
	d->creators[d->shown] = post->creator_id;
	d->categories[d->shown++] = post->category_id;
	d->posts[d->keys] = post->post_id;
	d->media[d->keys++] = post->media_key;
}

/* One place; false when the feed ends. */
static bool
naive_place(Delivered *d, const FeedOrderInput *input, FeedTail *tail, FeedPlace *place)
{
	uint32_t	left = 0;
	uint32_t	i;
	uint32_t	j;
	int			relaxed;
	bool		same_post;

	for (i = 0; i < input->candidate_count; i++)
		left += waits(d, i);
	tail->delivered++;
	if (tail->delivered >= 3 && left >= 5 &&
		(tail->last_sponsored == 0 || tail->delivered - tail->last_sponsored >= 5))
		for (i = 0; i < input->sponsored_count; i++)
		{
			const FeedSponsored *s = &sponsored[i];
			uint32_t	used = 0;

			for (j = 0; j < input->sponsored_count; j++)
				used += sponsored[j].campaign_id == s->campaign_id ? d->used[j] : 0;
			if (used < s->room && !was_delivered(d, &s->post, &same_post) &&
				(!input->diverse || may_stand(d, &s->post, 0)))
			{
				d->used[i]++;
				show(d, &s->post);
				tail->last_sponsored = tail->delivered;
				*place = (FeedPlace) {i, 1, 0};
				return true;
			}
		}
	for (relaxed = 0; relaxed <= 3; relaxed++)
		for (i = 0; i < input->candidate_count; i++)
			if (waits(d, i) && (!input->diverse || may_stand(d, &candidates[i], relaxed)))
			{
				show(d, &candidates[i]);
				*place = (FeedPlace) {i, 0, (uint8_t) relaxed};
				return true;
			}
	tail->delivered--;
	return false;
}

static FeedCandidate
take_candidate(FuzzInput *in, int64_t post_id)
{
	uint8_t		value = take_u8(in);
	uint8_t		media = take_u8(in);

	return (FeedCandidate) {
		.post_id = post_id, .creator_id = value % 7, .category_id = value / 7 % 5,
		.media_key = media < 200 ? 1000 + post_id : 1000 + media % 32
	};
}

/* Tails as sessions leave them: a tail is as long as what was delivered, or nine. */
static void
take_tail(FuzzInput *in, FeedTail *tail, Delivered *d, uint32_t delivered)
{
	uint32_t	i;

	memset(tail, 0, sizeof(*tail));
	tail->delivered = delivered;
	tail->count = delivered < FEED_TAIL ? delivered : FEED_TAIL;
	tail->last_sponsored = (uint32_t) take_below(in, delivered);
	for (i = 0; i < tail->count; i++)
	{
		uint8_t		value = take_u8(in);

		d->creators[i] = tail->creators[i] = value % 7;
		d->categories[i] = tail->categories[i] = value / 7 % 5;
	}
	d->shown = tail->count;
}

static void
compare(FeedOrder *order, const FeedOrderInput *input, Delivered *d, FuzzInput *in)
{
	FeedTail	tail = input->tail;
	FeedOrderStep step;
	FeedPlace	place;
	uint32_t	i;

	while ((step = feed_order_run(order)) != FEED_ORDER_DONE)
	{
		if (step == FEED_ORDER_MORE)
		{
			MUST(order->ordered < input->candidate_count);
			order->ordered += 1 + take_u8(in) % 16;
			if (order->ordered > input->candidate_count)
				order->ordered = input->candidate_count;
			continue;
		}
		MUST(order->asked_count > 0 && order->asked_count <= order->ordered);
		for (i = 0; i < order->asked_count; i++)
		{
			MUST(order->asked[i] < order->ordered && order->answers[order->asked[i]] == FEED_UNKNOWN);
			order->answers[order->asked[i]] = eligible[order->asked[i]];
		}
	}
	MUST(order->placed <= input->page_size);
	for (i = 0; i < order->placed; i++)
	{
		MUST(naive_place(d, input, &tail, &place));
		MUST(order->places[i].index == place.index && order->places[i].sponsored == place.sponsored);
		MUST(order->places[i].relaxed == place.relaxed);
	}
	if (order->placed < input->page_size)
		MUST(!naive_place(d, input, &tail, &place));
	MUST(order->tail.delivered == tail.delivered && order->tail.last_sponsored == tail.last_sponsored);
	MUST(order->tail.count <= FEED_TAIL && order->tail.count <= d->shown);
	for (i = 0; i < order->tail.count; i++)
	{
		MUST(order->tail.creators[i] == d->creators[d->shown - order->tail.count + i]);
		MUST(order->tail.categories[i] == d->categories[d->shown - order->tail.count + i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	FeedOrderInput input = {0};
	static Delivered d;
	uint32_t	i;
	void	   *memory;

	memset(&d, 0, sizeof(d));
	input.candidates = candidates;
	input.sponsored = sponsored;
	input.delivered_posts = delivered_posts;
	input.delivered_media = delivered_media;
	input.page_size = (uint32_t) take_below(&in, 40);
	input.diverse = take_u8(&in) % 4 != 0;
	input.candidate_count = (uint32_t) take_below(&in, MOST);
	for (i = 0; i < input.candidate_count; i++)
	{
		candidates[i] = take_candidate(&in, i + 1);
		eligible[i] = take_u8(&in) % 5 > 0 ? FEED_ELIGIBLE : FEED_REFUSED;
	}
	input.sponsored_count = (uint32_t) take_below(&in, 8);
	for (i = 0; i < input.sponsored_count; i++)
	{
		uint8_t		value = take_u8(&in);

		/* a candidate, or a post of its own */
		if (value % MOST < input.candidate_count)
			sponsored[i].post = candidates[value % MOST];
		else
			sponsored[i].post = take_candidate(&in, 100 + i);
		sponsored[i].campaign_id = value % 4;
		sponsored[i].room = take_u8(&in) % 3;
	}
	input.delivered_post_count = (uint32_t) take_below(&in, DELIVERED);
	input.delivered_media_count = input.delivered_post_count;
	take_tail(&in, &input.tail, &d, input.delivered_post_count);
	for (i = 0; i < input.delivered_post_count; i++)
	{
		uint8_t		post = take_u8(&in) % 90;

		delivered_posts[i] = post + 1;
		delivered_media[i] = post < input.candidate_count ? candidates[post].media_key : 1001 + post;
		d.posts[i] = delivered_posts[i];
		d.media[i] = delivered_media[i];
	}
	d.keys = input.delivered_post_count;

	memory = fuzz_alloc(feed_order_size(&input));
	compare(feed_order_begin(memory, &input), &input, &d, &in);
	free(memory);
	return 0;
}
