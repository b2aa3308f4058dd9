package cloud

import (
	"net/http"
	"time"
)

// Spend uses up hits of this month, as another program with the same key does.
func (c *Cloud) Spend(hits int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := monthOf(time.Now()); !now.Equal(c.month) {
		c.month, c.spent = now, 0
	}
	c.spent += hits
}

// SetPlan changes the plan from now on.
func (c *Cloud) SetPlan(p Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = p
}

// Plan is the present plan.
func (c *Cloud) Plan() Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan
}

// used counts the hits since a moment. Refused calls (429) are not hits, all
// others are, failed ones too.
func (c *Cloud) used(since time.Time) int {
	n := 0
	for i := len(c.calls) - 1; i >= 0 && !c.calls[i].Time.Before(since); i-- {
		if c.calls[i].Status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// overLimit is the refusal of the call that was begun last, if the plan has no
// room for it.
func (c *Cloud) overLimit() *problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	minute, month := c.plan.limits()
	first := monthOf(now)
	used := c.used(first)
	if first.Equal(c.month) {
		used += c.spent
	}
	begun := now.Truncate(time.Minute)
	switch {
	case used > month || c.switches.Take(MonthLimit, ""):
		return c.refusal("month", first, first.AddDate(0, 1, 0), month)
	case c.used(begun) > minute || c.switches.Take(MinuteLimit, ""):
		return c.refusal("minute", begun, begun.Add(time.Minute), minute)
	}
	return nil
}

// refusal is a 429 in the envelope that is in fashion.
func (c *Cloud) refusal(period string, from, to time.Time, limit int) *problem {
	details := "Usage limit exceeded for plan " + string(c.plan)
	if c.switches.Take(Partner429, "") {
		return &problem{status: http.StatusTooManyRequests, body: map[string]any{
			"reason": "429", "message": []string{details},
		}}
	}
	p := fail(http.StatusTooManyRequests, "Too Many Requests", details)
	if !c.switches.Take(Bare429, "") {
		p.body["period"], p.body["limit"] = period, limit
		p.body["period_start"], p.body["period_end"] = from.Unix(), to.Unix()
	}
	return p
}
