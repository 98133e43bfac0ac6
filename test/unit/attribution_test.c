/*
 * attribution_test.c
 *	  Each rule of the attribution core that asks for no earlier order: windows,
 *	  kinds, order, exclusion, amounts, and the models of position.
 */
#include "attribution_cases.h"

static const AttributionRules first_touch = {.model = ATTRIBUTION_FIRST_TOUCH};
static const AttributionRules last_touch = {.model = ATTRIBUTION_LAST_TOUCH};
static const AttributionRules linear = {.model = ATTRIBUTION_LINEAR};
static const AttributionRules u_shaped = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {2, 1, 2}};

static void
test_models(void)
{
	AttributionConversion sale = conversion(100);
	AttributionTouch touches[5];
	AttributionRules one_sided = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {0, 1, 3}};
	int64_t		i;

	for (i = 0; i < 5; i++)
		touches[i] = touch(91 + i, ATTRIBUTION_CLICK, 11 + i, i);

	is_str(credit(&first_touch, touches, 5, &sale), "credited n=5 11@1:1=100", "first touch");
	is_str(credit(&last_touch, touches, 5, &sale), "credited n=5 15@5:1=100", "last touch");
	is_str(credit(&linear, touches, 3, &sale),
		   "credited n=3 11@1:0.3333=34 12@2:0.3333=33 13@3:0.3333=33",
		   "linear, the odd cent to the earliest");
	is_str(credit(&u_shaped, touches, 1, &sale), "credited n=1 11@1:1=100", "position based, 1 touch");
	is_str(credit(&u_shaped, touches, 2, &sale), "credited n=2 11@1:0.5=50 12@2:0.5=50",
		   "position based, 2 touches: the middle's weight falls away");
	is_str(credit(&u_shaped, touches, 3, &sale),
		   "credited n=3 11@1:0.4=40 12@2:0.2=20 13@3:0.4=40", "position based, 3 touches");

	/* the middle 20 are 6.67 each: 6, 6, 6 and the two cents left to the first two */
	is_str(credit(&u_shaped, touches, 5, &sale),
		   "credited n=5 11@1:0.4=40 12@2:0.06667=7 13@3:0.06667=7 14@4:0.06667=6 15@5:0.4=40",
		   "position based, 5 touches");

	is_str(credit(&one_sided, touches, 1, &sale), "credited n=1 11@1:1=100",
		   "a single touch earns all, whatever the first one's weight");
	is_str(credit(&one_sided, touches, 2, &sale), "credited n=2 12@2:1=100",
		   "a touch without weight gives no row");
	is_str(credit(&one_sided, touches, 3, &sale), "credited n=3 12@2:0.25=25 13@3:0.75=75",
		   "positions count all eligible touches");
}

static void
test_windows(void)
{
	AttributionConversion sale = conversion(7);
	AttributionTouch click_at_start = touch(90, ATTRIBUTION_CLICK, 1, 1);
	AttributionTouch click_inside = touch(91, ATTRIBUTION_CLICK, 2, 1);
	AttributionTouch coupon_at_start = touch(90, ATTRIBUTION_COUPON, 3, 1);
	AttributionTouch coupon_inside = touch(91, ATTRIBUTION_COUPON, 4, 1);
	AttributionTouch click_now = touch(100, ATTRIBUTION_CLICK, 5, 1);
	AttributionTouch click_later = touch(101, ATTRIBUTION_CLICK, 6, 1);
	AttributionTouch history[] = {touch(50, ATTRIBUTION_CLICK, 1, 1), touch(91, ATTRIBUTION_CLICK, 2, 1),
	touch(100, ATTRIBUTION_CLICK, 3, 1), touch(101, ATTRIBUTION_CLICK, 4, 1)};

	is_str(credit(&last_touch, &click_at_start, 1, &sale), "outside_window n=0 none:1=7",
		   "a click at the window's start is too old");
	is_str(credit(&last_touch, &click_inside, 1, &sale), "credited n=1 2@1:1=7",
		   "a click just after it is eligible");
	is_str(credit(&last_touch, &coupon_at_start, 1, &sale), "outside_window n=0 none:1=7",
		   "coupons have the window of clicks: start");
	is_str(credit(&last_touch, &coupon_inside, 1, &sale), "credited n=1 4@1:1=7",
		   "coupons have the window of clicks: inside");
	is_str(credit(&last_touch, &click_now, 1, &sale), "credited n=1 5@1:1=7",
		   "a click at the time of the conversion is eligible");
	is_str(credit(&last_touch, &click_later, 1, &sale), "no_touch n=0 none:1=7",
		   "a later click is none");
	is_str(credit(&last_touch, NULL, 0, &sale), "no_touch n=0 none:1=7", "no touch at all");
	is_str(credit(&linear, history, COUNT(history), &sale),
		   "credited n=2 2@1:0.5=4 3@2:0.5=3", "only what lies in the window takes part");

	sale.window_start[ATTRIBUTION_CLICK] = 100;
	is_str(credit(&last_touch, &click_now, 1, &sale), "outside_window n=0 none:1=7",
		   "a lookback of zero never earns");
	sale.window_start[ATTRIBUTION_CLICK] = INT64_MIN;
	history[0].touched_at = INT64_MIN + 1;
	is_str(credit(&first_touch, history, COUNT(history), &sale), "credited n=3 1@1:1=7",
		   "a window without a start");
}

static void
test_views_and_carts(void)
{
	AttributionConversion sale = conversion(9);
	AttributionTouch views[] = {touch(95, ATTRIBUTION_VIEW, 1, 1), touch(96, ATTRIBUTION_VIEW, 2, 2),
	touch(97, ATTRIBUTION_VIEW, 3, 3)};
	AttributionTouch mixed[] = {touch(96, ATTRIBUTION_VIEW, 1, 1), touch(97, ATTRIBUTION_CLICK, 2, 2),
	touch(98, ATTRIBUTION_VIEW, 3, 3)};
	AttributionTouch old_click[] = {touch(90, ATTRIBUTION_CLICK, 1, 1), touch(96, ATTRIBUTION_VIEW, 2, 2)};
	AttributionTouch carts[] = {cart(80, 1, 1, 5), cart(81, 2, 2, 5), cart(82, 3, 3, 6),
	touch(83, ATTRIBUTION_CART, 4, 4)};
	AttributionTouch cart_and_view[] = {cart(85, 1, 1, 5), touch(99, ATTRIBUTION_VIEW, 2, 2)};

	is_str(credit(&linear, views, 3, &sale), "credited n=2 2@1:0.5=5 3@2:0.5=4",
		   "views in their own window, where there is nothing else");
	is_str(credit(&linear, mixed, 3, &sale), "credited n=1 2@1:1=9",
		   "views do not count beside a click");
	is_str(credit(&linear, old_click, 2, &sale), "credited n=1 2@1:1=9",
		   "a click outside its window does not push views aside");

	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "no cart earns a conversion without a product");
	carts[1].product_id = 0;
	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "not even the cart of product 0");
	carts[1].product_id = 5;
	sale.has_product = true;
	sale.product_id = 5;
	is_str(credit(&linear, carts, 4, &sale), "credited n=1 2@1:1=9",
		   "a cart earns its own product in its own window");
	is_str(credit(&last_touch, cart_and_view, 2, &sale), "credited n=1 1@1:1=9",
		   "views do not count beside an eligible cart");
	sale.product_id = 7;
	is_str(credit(&last_touch, cart_and_view, 2, &sale), "credited n=1 2@1:1=9",
		   "but beside the cart of another product they do");
	is_str(credit(&linear, carts, 4, &sale), "outside_window n=0 none:1=9",
		   "carts of other products are no touches");
}

static void
test_order(void)
{
	AttributionConversion sale = conversion(4);
	AttributionTouch touches[] = {touch(99, ATTRIBUTION_COUPON, 1, 1), touch(99, ATTRIBUTION_CLICK, 3, 1),
		touch(98, ATTRIBUTION_COUPON, 9, 1), cart(99, 2, 1, 5), touch(99, ATTRIBUTION_CLICK, 2, 1),
	touch(99, ATTRIBUTION_VIEW, 8, 1)};
	AttributionTouch twins[] = {touch(99, ATTRIBUTION_CLICK, 1, 2), touch(99, ATTRIBUTION_CLICK, 1, 1),
	touch(99, ATTRIBUTION_CLICK, 1, 0)};

	sale.has_product = true;
	sale.product_id = 5;
	qsort(touches, COUNT(touches), sizeof(touches[0]), attribution_touch_compare);
	is_str(credit(&linear, touches, COUNT(touches), &sale),
		   "credited n=5 9@1:0.2=1 2@2:0.2=1 3@3:0.2=1 2@4:0.2=1 1@5:0.2=0",
		   "time, then click before cart before coupon, then id");
	is_i64(touches[1].kind, ATTRIBUTION_VIEW, "a view stands before all of its instant");

	twins[2].has_creator = false;
	qsort(twins, COUNT(twins), sizeof(twins[0]), attribution_touch_compare);
	ok(twins[0].creator_id == 1 && twins[1].creator_id == 2 && !twins[2].has_creator,
	   "equal ids are ordered by creator, none last");
}

static void
test_exclusion(void)
{
	AttributionConversion sale = conversion(100);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 10), touch(92, ATTRIBUTION_CLICK, 2, 20),
	touch(93, ATTRIBUTION_CLICK, 3, 30)};
	int64_t		first[] = {99, 10};
	int64_t		zero[] = {0};

	sale.excluded = first;
	sale.excluded_count = 2;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=100",
		   "an excluded creator who would earn nothing does no harm");
	is_str(credit(&first_touch, touches, 3, &sale), "excluded n=3 none:1=100",
		   "one who would earn disqualifies the conversion");
	is_str(credit(&linear, touches, 3, &sale), "excluded n=3 none:1=100",
		   "even one of several");

	sale.excluded = zero;
	sale.excluded_count = 1;
	touches[2].has_creator = false;
	touches[2].creator_id = 0;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=100",
		   "a touch without creator is nobody's");
}

static void
test_amounts(void)
{
	AttributionConversion sale = conversion(-5);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 1), touch(92, ATTRIBUTION_CLICK, 2, 2),
	touch(93, ATTRIBUTION_CLICK, 3, 3)};

	is_str(credit(&linear, touches, 3, &sale),
		   "credited n=3 1@1:0.3333=-2 2@2:0.3333=-2 3@3:0.3333=-1", "negative amounts mirror");
	sale.amount = INT64_MIN;
	is_str(credit(&last_touch, touches, 3, &sale), "credited n=3 3@3:1=-9223372036854775808",
		   "the smallest amount");
	sale.amount = INT64_MAX;
	is_str(credit(&linear, touches, 2, &sale),
		   "credited n=2 1@1:0.5=4611686018427387904 2@2:0.5=4611686018427387903",
		   "the largest amount");
	sale.has_amount = false;
	is_str(credit(&linear, touches, 2, &sale), "credited n=2 1@1:0.5=0 2@2:0.5=0", "no amount");
}

/* work comes in steps, and a long history outside the window costs none */
static void
test_long_paths(void)
{
	size_t		n = 100000;
	AttributionTouch *touches = malloc(n * sizeof(*touches));
	AttributionConversion sale = conversion(123456789);
	AttributionPath path;
	int64_t		sum = 0;
	size_t		i;

	sale.converted_at = (int64_t) n;
	sale.window_start[ATTRIBUTION_CLICK] = -1;
	for (i = 0; i < n; i++)
		touches[i] = touch((int64_t) i, ATTRIBUTION_CLICK, (int64_t) i, 1);

	drive(&path, &linear, touches, n, &sale);
	for (i = 0; i < path.rows; i++)
		sum += room.credit[i];
	is_i64((int64_t) path.rows, (int64_t) n, "a path of 100,000 touches");
	is_i64(sum, 123456789, "its credits sum to the amount");
	ok(steps > 10, "it was worked on in steps");

	sale.window_start[ATTRIBUTION_CLICK] = (int64_t) n - 3;
	sale.window_start[ATTRIBUTION_VIEW] = (int64_t) n - 1;
	sale.window_start[ATTRIBUTION_CART] = (int64_t) n - 1;
	sale.window_start[ATTRIBUTION_COUPON] = (int64_t) n - 1;
	drive(&path, &linear, touches, n, &sale);
	is_i64((int64_t) path.path_length, 2, "a window of two of them");
	ok(steps < 10, "takes few steps");
	free(touches);
}

static void
test_bounds(void)
{
	AttributionConversion sale = conversion(10);
	AttributionTouch touches[] = {touch(91, ATTRIBUTION_CLICK, 1, 1), touch(92, ATTRIBUTION_CLICK, 2, 2)};
	AttributionRules middle_only = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {0, 1, 0}};
	AttributionRules negative = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {-1, 1, 2}};
	AttributionRules heavy = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {ATTRIBUTION_MAX_WEIGHT_SUM, 0, 1}};
	AttributionRules heaviest = {.model = ATTRIBUTION_POSITION_BASED,.position_weights = {ATTRIBUTION_MAX_WEIGHT_SUM - 1, 0, 1}};
	AttributionPath path;

	ok(drive(&path, &middle_only, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "weights that leave two touches nothing are refused");
	ok(drive(&path, &negative, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "negative weights are refused");
	ok(drive(&path, &heavy, touches, 2, &sale) == ATTRIBUTION_BAD_WEIGHTS,
	   "weights that could overflow are refused");
	is_str(credit(&heaviest, touches, 2, &sale), "credited n=2 1@1:1=10 2@2:2.328e-10=0",
		   "the largest weights work");
}

int
main(void)
{
	test_models();
	test_windows();
	test_views_and_carts();
	test_order();
	test_exclusion();
	test_amounts();
	test_long_paths();
	test_bounds();
	return done_testing();
}
