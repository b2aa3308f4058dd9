package enlighten

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"envoyd/internal/cloud/budget"
)

// late is how long after its end a series may still grow: the gateway's next
// report, or the one after.
const late = time.Hour

// piece is one call of a series.
type piece struct {
	endpoint string
	from     int64 // Unix seconds
	size     time.Duration
}

// pieces are the answers for a window that is not whole yet. A week without
// production CT takes seventeen calls; a failure of the last one must not cost
// the others. There is one window at a time, so they need no bound of their own.
type pieces struct {
	of    Window
	known map[piece]*seriesDoc
}

// begun keeps the answers only if they are for this window.
func (c *Client) begun(w Window) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pieces.of.From.Equal(w.From) || !c.pieces.of.To.Equal(w.To) {
		c.pieces = pieces{of: w, known: map[piece]*seriesDoc{}}
	}
}

// answered counts the calls that the window in work does not need any more.
func (c *Client) answered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pieces.known)
}

// piece asks for a part of a series, unless it was answered before.
func (c *Client) piece(ctx context.Context, h Home, p piece, w Window) (*seriesDoc, error) {
	c.mu.Lock()
	doc := c.pieces.known[p]
	c.mu.Unlock()
	if doc != nil {
		return doc, nil
	}
	name := map[time.Duration]string{day: "day", week: "week"}[p.size]
	r := request{
		endpoint: p.endpoint, path: system(h.ID, "/"+p.endpoint), need: budget.Need{Purpose: budget.Backfill},
		query: url.Values{"start_at": {strconv.FormatInt(p.from, 10)}, "granularity": {name}},
	}
	doc = &seriesDoc{}
	if err := c.get(ctx, r, doc); err != nil {
		return nil, err
	}
	end := oldest(time.Unix(p.from, 0).Add(p.size), w.To)
	if time.Since(end) >= late { // else it may have grown when it is asked for again
		c.mu.Lock()
		c.pieces.known[p] = doc
		c.mu.Unlock()
	}
	return doc, nil
}
