package cloud

import (
	"fmt"
	"strconv"
	"time"
)

// history is how long ago a series may begin at most.
const history = 2 * 365 * 24 * time.Hour

// window is the time a series was asked for.
type window struct {
	from, to    time.Time
	granularity string
	byDate      bool // asked for with start_date
}

// bounds puts the window into an answer, in the terms of the question.
func (v window) bounds(doc map[string]any, zone *time.Location) {
	doc["granularity"] = v.granularity
	if v.byDate {
		doc["start_date"], doc["end_date"] = v.from.In(zone).Format(time.DateOnly), v.to.In(zone).Format(time.DateOnly)
		return
	}
	doc["start_at"], doc["end_at"] = v.from.Unix(), v.to.Unix()
}

// window reads start_at or start_date and granularity, by the vendor's rules:
// not in the future, not more than two years ago, not before the system was
// there, and never beyond now.
func (c *Cloud) window(q *query, step time.Duration, week bool) (window, error) {
	args := q.URL.Query()
	v := window{granularity: args.Get("granularity"), byDate: args.Get("start_date") != ""}
	if v.granularity == "" {
		v.granularity = "day"
	}
	if v.granularity == "week" && !week {
		return v, unprocessable("Requested granularity is invalid for this series")
	}
	var err error
	switch at, date := args.Get("start_at"), args.Get("start_date"); {
	case at != "":
		v.from, err = epoch(at)
		v.byDate = false
	case date != "":
		v.from, err = c.date(date)
	default:
		v.from = c.midnight(q.now)
	}
	if err != nil {
		return v, err
	}
	switch {
	case v.from.After(q.now):
		return v, unprocessable(fmt.Sprintf("Requested date is in the future {:start_at=>%d}", v.from.Unix()))
	case q.now.Sub(v.from) > history:
		return v, unprocessable(fmt.Sprintf("Requested date range is invalid for this system {:start_at=>%d}", v.from.Unix()))
	}
	if began := c.cfg.Home.Commissioned(); v.from.Before(began) {
		v.from = began
	}
	v.from = v.from.Truncate(step)
	if err := v.end(c.zone()); err != nil {
		return v, err
	}
	if v.to.After(q.now) {
		v.to = q.now
	}
	return v, nil
}

// end is the granularity later: so many hours, or calendar days when the
// window was asked for by date.
func (v *window) end(zone *time.Location) error {
	days := 0
	switch v.granularity {
	case "5mins":
		v.to = v.from.Add(5 * time.Minute)
	case "15mins":
		v.to = v.from.Add(15 * time.Minute)
	case "day":
		days = 1
	case "week":
		days = 7
	default:
		return badRequest("granularity does not have a valid value")
	}
	switch {
	case days > 0 && v.byDate:
		v.to = v.from.In(zone).AddDate(0, 0, days)
	case days > 0:
		v.to = v.from.Add(time.Duration(days) * 24 * time.Hour)
	}
	return nil
}

// epoch reads seconds since 1970.
func epoch(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, unprocessable("Failed to parse date " + text)
	}
	return time.Unix(n, 0), nil
}

// date reads a day of the system.
func (c *Cloud) date(text string) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, text, c.zone())
	if err != nil {
		return t, unprocessable("Failed to parse date " + text)
	}
	return t, nil
}
