/*
 * markov_sort_template.h
 *	  A stable sort of the Markov cores, for one type of items.
 *
 * Bottom-up merge sort: of bounded cost between two breaths, whatever the items
 * are.  Included once for each type, after these macros, which are undefined at
 * the end:
 *
 *		MARKOV_SORT		the function
 *		MARKOV_ITEM		the type of an item
 *		MARKOV_IN_ORDER(a, b)	whether a may stand before b; may use arg
 *		MARKOV_BREATH	items between two breaths
 */

/* Answers which of the two arrays is sorted. */
static MARKOV_ITEM *
MARKOV_SORT(MARKOV_ITEM *items, MARKOV_ITEM *other, size_t count, const void *arg, const MarkovHost *host)
{
	size_t		width;
	size_t		work = 0;

	(void) arg;
	for (width = 1; width < count; width *= 2)
	{
		MARKOV_ITEM *swap = items;
		size_t		from;

		for (from = 0; from < count; from += 2 * width)
		{
			size_t		middle = from + width < count ? from + width : count;
			size_t		end = middle + width < count ? middle + width : count;
			size_t		a = from;
			size_t		b = middle;
			size_t		to;

			for (to = from; to < end; to++)
			{
				if (b == end || (a < middle && MARKOV_IN_ORDER(items[a], items[b])))
					other[to] = items[a++];
				else
					other[to] = items[b++];
				if (++work % MARKOV_BREATH == 0)
					host->breathe(host->arg);
			}
		}
		items = other;
		other = swap;
	}
	return items;
}

#undef MARKOV_SORT
#undef MARKOV_ITEM
#undef MARKOV_IN_ORDER
#undef MARKOV_BREATH
