/*
 * attribution_span_test.c
 *	  Totals over spans of touches against the core, conversion by conversion:
 *	  the same credit and the same billionths for each touch.
 */
#include "../../src/attribution/attribution_span_core.h"
#include "tap.h"

#define MAX_TOUCHES 40

static uint64_t state = 88172645463325252U;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t
random_amount(void)
{
	switch (next_random() % 8)
	{
		case 0:
			return INT64_MIN + (int64_t) (next_random() % 3);
		case 1:
			return INT64_MAX - (int64_t) (next_random() % 3);
		case 2:
			return (int64_t) next_random();
		case 3:
			return (int64_t) (next_random() % 3) - 1;
		default:
			return (int64_t) (next_random() % 2001) - 1000;
	}
}

static AttributionRules
random_rules(void)
{
	AttributionRules rules = {0};
	static const AttributionModel models[] = {ATTRIBUTION_FIRST_TOUCH, ATTRIBUTION_LAST_TOUCH, ATTRIBUTION_LINEAR,
	ATTRIBUTION_POSITION_BASED, ATTRIBUTION_POSITION_BASED, ATTRIBUTION_POSITION_BASED};
	uint64_t	most = next_random() % 4 == 0 ? ATTRIBUTION_MAX_WEIGHT_SUM / 3 : 4;

	rules.model = models[next_random() % 6];
	do
	{
		rules.position_weights[0] = (int64_t) (next_random() % (most + 1));
		rules.position_weights[1] = (int64_t) (next_random() % (most + 1));
		rules.position_weights[2] = (int64_t) (next_random() % (most + 1));
	} while (rules.position_weights[0] + rules.position_weights[2] == 0);
	return rules;
}

static AttributionRoom
make_room(size_t capacity)
{
	AttributionRoom room = {.capacity = capacity};

	room.touch = malloc(capacity * sizeof(*room.touch));
	room.position = malloc(capacity * sizeof(*room.position));
	room.weight = malloc(capacity * sizeof(*room.weight));
	room.credit = malloc(capacity * sizeof(*room.credit));
	room.scratch = malloc(capacity * sizeof(*room.scratch));
	return room;
}

static void
free_room(AttributionRoom *room)
{
	free(room->touch);
	free(room->position);
	free(room->weight);
	free(room->credit);
	free(room->scratch);
}

/* What the span of touches [first, end) earns by the core; returns the rows. */
static size_t
add_by_core(const AttributionRules *rules, const AttributionTouch *touches, size_t n, size_t first, size_t end,
			int64_t amount, AttributionRoom *room, __int128 *credit, __int128 *share, int64_t *rows)
{
	AttributionConversion conversion = {.converted_at = (int64_t) end,.amount = amount,.has_amount = true};
	AttributionPath path;
	int64_t    *parts = malloc(n * sizeof(int64_t));
	size_t		i;

	/* touch i happens at i + 1 */
	for (i = 0; i < ATTRIBUTION_KINDS; i++)
		conversion.window_start[i] = (int64_t) first;
	attribution_path_start(&path, rules, touches, n, &conversion);
	while (attribution_path_step(&path, room) != ATTRIBUTION_DONE)
		;
	if (money_split(MONEY_RATE_SCALE, room->weight, path.rows, parts, room->scratch) != MONEY_OK)
		abort();
	for (i = 0; i < path.rows; i++)
	{
		credit[room->touch[i]] += room->credit[i];
		share[room->touch[i]] += parts[i];
		rows[room->touch[i]]++;
	}
	free(parts);
	return path.rows;
}

/* Many conversions over the same touches. */
static bool
agrees(size_t n, size_t conversions)
{
	AttributionTouch *touches = calloc(n, sizeof(AttributionTouch));
	AttributionSpanSum *sums = calloc(n + 1, sizeof(AttributionSpanSum));
	AttributionRules rules = random_rules();
	AttributionRoom room = make_room(n);
	__int128   *credit = calloc(n, sizeof(__int128));
	__int128   *share = calloc(n, sizeof(__int128));
	int64_t    *rows = calloc(n, sizeof(int64_t));
	__int128	running_credit = 0;
	__int128	running_share = 0;
	int64_t		running_rows = 0;
	bool		same = true;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		touches[i].touched_at = (int64_t) i + 1;
		touches[i].kind = ATTRIBUTION_CLICK;
	}
	for (i = 0; i < conversions; i++)
	{
		size_t		first = next_random() % n;
		size_t		end = first + 1 + next_random() % (n - first);
		int64_t		amount = random_amount();

		same = same && attribution_span_add(sums, &rules, first, end, amount) ==
			add_by_core(&rules, touches, n, first, end, amount, &room, credit, share, rows);
	}
	for (i = 0; i < n; i++)
	{
		running_credit += sums[i].credit;
		running_share += sums[i].share;
		running_rows += sums[i].rows;
		same = same && running_credit == credit[i] && running_share == share[i] && running_rows == rows[i];
	}

	/* what begins ends */
	same = same && running_credit + sums[n].credit == 0 && running_share + sums[n].share == 0 &&
		running_rows + sums[n].rows == 0;
	if (!same)
		diag("model %d, weights %" PRId64 " %" PRId64 " %" PRId64 ", %zu touches", (int) rules.model,
			 rules.position_weights[0], rules.position_weights[1], rules.position_weights[2], n);
	free(touches);
	free(sums);
	free(rows);
	free(credit);
	free(share);
	free_room(&room);
	return same;
}

static void
test_by_hand(void)
{
	AttributionRules u_shaped = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {2, 1, 2}};
	AttributionRules ends = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {1, 0, 1}};
	AttributionRules linear = {.model = ATTRIBUTION_LINEAR};
	AttributionSpanSum sums[6] = {0};

	/* 40, 20 thirds of 6.67, 40 of 100: two units to the first two in the middle. Differences: +40 -33 0 -1 +34 -40 */
	is_u64(attribution_span_add(sums, &u_shaped, 0, 5, 100), 5, "five touches have a weight");
	ok(sums[0].credit == 40 && sums[1].credit == -33 && sums[2].credit == 0 && sums[3].credit == -1 && sums[4].credit == 34 && sums[5].credit == -40,
	   "position based: 40 7 7 6 40");

	/* -2 of linear over touches 1 to 3: -1 -1 0; more differences: 0 -1 0 +1 0 0 */
	is_u64(attribution_span_add(sums, &linear, 1, 4, -2), 3, "three touches");
	ok(sums[0].credit == 40 && sums[1].credit == -34 && sums[2].credit == 0 && sums[3].credit == 0 && sums[4].credit == 34 && sums[5].credit == -40,
	   "negative amounts mirror, and add up");
	is_u64(attribution_span_add(sums, &ends, 0, 5, 0), 2, "touches without a weight are none");
	ok(sums[0].credit == 40 && sums[5].credit == -40, "an amount of nothing adds nothing");

	memset(sums, 0, sizeof(sums));
	attribution_span_add(sums, &linear, 2, 5, 5);
	ok(sums[2].share == 333333334 && sums[3].share == -1 && sums[4].share == 0 && sums[5].share == -333333333,
	   "thirds of a billion: the odd one to the earliest");
}

int
main(void)
{
	bool		same = true;
	int			i;

	test_by_hand();
	for (i = 0; i < 20000; i++)
		same = agrees(1 + next_random() % MAX_TOUCHES, 1 + next_random() % 4) && same;
	ok(same, "20000 visitors of up to 40 touches and 4 conversions");
	same = true;
	for (i = 0; i < 200; i++)
		same = agrees(1 + next_random() % 3, 1 + next_random() % 200) && same;
	ok(same, "200 visitors of up to 3 touches and 200 conversions");
	same = true;
	for (i = 0; i < 20; i++)
		same = agrees(10000 + next_random() % 20000, 5) && same;
	ok(same, "20 visitors of up to 30000 touches");

	ok(attribution_span_model(ATTRIBUTION_LINEAR) && attribution_span_model(ATTRIBUTION_POSITION_BASED) &&
	   attribution_span_model(ATTRIBUTION_FIRST_TOUCH) && attribution_span_model(ATTRIBUTION_LAST_TOUCH) &&
	   !attribution_span_model(ATTRIBUTION_LAST_NON_DIRECT) && !attribution_span_model(ATTRIBUTION_TIME_DECAY) &&
	   !attribution_span_model(ATTRIBUTION_PARTICIPATION) && !attribution_span_model(ATTRIBUTION_SHAPLEY) &&
	   !attribution_span_model(ATTRIBUTION_CUSTOM), "the models that are spans");
	return done_testing();
}
