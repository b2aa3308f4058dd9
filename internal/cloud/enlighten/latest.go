package enlighten

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

const (
	uploads = 15 * time.Minute // gateways report to the cloud that often
	slack   = 90 * time.Second // until the report can be asked for
	recent  = 2 * time.Hour    // how far back the last interval is looked for
)

// Sample is the present power as the cloud knows it.
type Sample struct {
	Time  time.Time     // when it was measured; usually up to 15 minutes ago, days if the gateway is cut off
	Power reading.Power // in our signs; absent what the cloud cannot know
	// Mean is the length of the interval that the power is the mean of; 0 for
	// a momentary value.
	Mean time.Duration
	Next time.Time // when the cloud should know something newer
	From string    // the endpoint
}

// Latest asks for the present power, one call, at the pace that the budget
// allows to an outage that began at since. Before its time the error is
// budget.ErrSpent and costs nothing. A home without CTs has production only.
//
// The error is ErrNoData when the cloud knows no present value.
func (c *Client) Latest(ctx context.Context, since time.Time) (Sample, error) {
	need := budget.Need{Purpose: budget.Fallback, Since: since}
	if err := c.budget.Check(need); err != nil {
		return Sample{}, err
	}
	h, err := c.Home(ctx)
	if err != nil {
		return Sample{}, err
	}
	var last error
	for _, way := range c.ways(h) {
		s, err := way(ctx, h, need)
		if err == nil {
			return s, nil
		}
		if !optional(err) {
			return Sample{}, err
		}
		if last = err; c.budget.Check(need) != nil {
			need = budget.Need{Purpose: budget.Setup} // finding out which way is open happens once a day
		}
	}
	return Sample{}, last
}

type way func(context.Context, Home, budget.Need) (Sample, error)

// ways lists how the power of a home can be had, the best first.
func (c *Client) ways(h Home) []way {
	switch {
	case h.ProductionMeter:
		return []way{c.telemetry, c.interval("telemetry/production_meter"), c.summary}
	case h.Meters || h.Battery:
		return []way{c.telemetry, c.interval("telemetry/production_micro"), c.summary}
	default:
		return []way{c.interval("telemetry/production_micro"), c.summary}
	}
}

// telemetry asks for /latest_telemetry: everything in one call.
func (c *Client) telemetry(ctx context.Context, h Home, need budget.Need) (Sample, error) {
	var doc latestDoc
	r := request{endpoint: "latest_telemetry", path: system(h.ID, "/latest_telemetry"), need: need}
	if err := c.get(ctx, r, &doc); err != nil {
		return Sample{}, err
	}
	p, at := doc.power(h)
	return sample(r, p, at, 0)
}

// interval asks for a series and takes its last interval: the mean power.
func (c *Client) interval(endpoint string) way {
	return func(ctx context.Context, h Home, need budget.Need) (Sample, error) {
		from := time.Now().Add(-recent).Truncate(uploads)
		r := request{
			endpoint: endpoint, path: system(h.ID, "/"+endpoint), need: need,
			query: url.Values{"start_at": {strconv.FormatInt(from.Unix(), 10)}, "granularity": {"day"}},
		}
		var doc seriesDoc
		if err := c.get(ctx, r, &doc); err != nil {
			return Sample{}, err
		}
		row, step, ok := doc.last(sources[endpoint])
		if !ok {
			return Sample{}, noData(r)
		}
		watts := row.Powr.Value
		if !watts.Known() {
			watts = sources[endpoint].flows[0].wh(row).Scale(3600 / step.Seconds())
		}
		return sample(r, reading.Power{ProductionW: watts}, row.End.Time, step)
	}
}

// summary asks for /summary, which knows production on every plan and home.
func (c *Client) summary(ctx context.Context, h Home, need budget.Need) (Sample, error) {
	var doc struct {
		Power    num   `json:"current_power"`
		Report   epoch `json:"last_report_at"`
		Interval epoch `json:"last_interval_end_at"`
	}
	r := request{endpoint: "summary", path: system(h.ID, "/summary"), need: need}
	if err := c.get(ctx, r, &doc); err != nil {
		return Sample{}, err
	}
	at := doc.Interval.Time
	if at.IsZero() {
		at = doc.Report.Time
	}
	return sample(r, reading.Power{ProductionW: doc.Power.Value}, at, 0)
}

func sample(r request, p reading.Power, at time.Time, mean time.Duration) (Sample, error) {
	fields := p.Fields()
	if at.IsZero() || !reading.Any(fields[:]) {
		return Sample{}, noData(r)
	}
	next := at.Add(uploads + slack)
	if now := time.Now(); next.Before(now) {
		next = now.Add(uploads)
	}
	return Sample{Time: at, Power: p, Mean: mean, Next: next, From: r.endpoint}, nil
}

func noData(r request) error {
	return &fault.Error{Op: r.op(), Err: ErrNoData, After: uploads,
		Mend: "The gateway has not reported to Enphase either; check its power and its internet connection."}
}

// IsBudget reports whether an error only means that it is too early for
// another call.
func IsBudget(err error) bool { return errors.Is(err, budget.ErrSpent) || errors.Is(err, ErrLimit) }
