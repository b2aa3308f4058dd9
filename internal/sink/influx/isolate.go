package influx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"envoyd/internal/fault"
)

// poison500 is how many answers 500 in a row, without a word about points,
// make the points suspect: a database may stumble over one of them each time.
const poison500 = 5

// isolable reports whether a failed write is worth looking for bad points.
func (s *Sink) isolable(err error) bool {
	a, ok := errors.AsType[*answer](err)
	if !ok {
		return false
	}
	v := judge(err)
	return v == guilty || v == suspect && (a.status != 500 || s.broken >= poison500)
}

// hunt looks for the points of a job that can never be stored.
type hunt struct {
	sink    *Sink
	job     *job
	witness []point // one that the database took meanwhile
}

// isolate stores all points but the bad ones, which it marks in the job. An
// error says that it could not finish; what it found until then is remembered,
// so that the next try goes on instead of starting over.
func (s *Sink) isolate(ctx context.Context, job *job, points []point, cause error) error {
	h := &hunt{sink: s, job: job}
	// Bad points mostly share a series, a measurement or an age. Side by side
	// they make whole halves bad, which ends the halving early.
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b point) int {
		return cmp.Or(strings.Compare(a.series, b.series), a.point.Time().Compare(b.point.Time()))
	})
	if judge(cause) == suspect {
		if err := h.findWitness(ctx, points, cause); err != nil {
			return err
		}
	}
	return h.halve(ctx, points, cause)
}

// findWitness looks for a point that the database takes. If it takes none of
// three, it is not the points that are wrong but the address or the server,
// and refusing points for that would throw away good readings.
func (h *hunt) findWitness(ctx context.Context, points []point, cause error) error {
	for _, i := range []int{0, len(points) / 2, len(points) - 1} {
		err := h.sink.send(ctx, points[i:i+1])
		if err == nil {
			h.witness = points[i : i+1]
			return nil
		}
		if judge(err) == innocent {
			return err
		}
	}
	return cause
}

// halve narrows points that were refused together down to the bad ones.
func (h *hunt) halve(ctx context.Context, points []point, cause error) error {
	if len(points) == 1 || dropped(cause) == len(points) {
		return h.refuse(ctx, points, cause)
	}
	middle := len(points) / 2
	for _, half := range [][]point{points[:middle], points[middle:]} {
		err := h.sink.send(ctx, half)
		if err == nil {
			h.witness = half[:1]
			continue
		}
		if judge(err) == innocent {
			return err
		}
		if err := h.halve(ctx, half, err); err != nil {
			return err
		}
	}
	return nil
}

// refuse marks points as bad for good. When the answer named no reason, the
// database must have taken a good point just before and just after.
func (h *hunt) refuse(ctx context.Context, points []point, cause error) error {
	if judge(cause) == suspect {
		if h.witness == nil {
			return cause
		}
		if err := h.sink.send(ctx, h.witness); err != nil {
			return err
		}
	}
	for _, p := range points {
		why := unstorable(p, cause)
		h.sink.poison[p.id()] = why
		h.job.reject(p.record, why)
	}
	return nil
}

// unstorable says which point the database will never take, and why.
func unstorable(p point, cause error) error {
	f := &fault.Error{Kind: fault.Config, Op: "storing " + p.series, Err: cause}
	if a, ok := errors.AsType[*answer](cause); ok {
		f.Err = a
	}
	switch text := strings.ToLower(f.Err.Error()); {
	case strings.Contains(text, "field type conflict"), strings.Contains(text, "already exists as type"):
		f.Mend = "The database knows a field of this name with another type: write to a new bucket, " +
			"set influx.prefix, or drop the old measurement."
	case strings.Contains(text, "retention policy"):
		f.Mend = "The reading is older than the bucket keeps: lengthen its retention if you want such readings."
	default:
		f.Mend = fmt.Sprintf("Look at the database's own log for the time %s.", p.point.Time().UTC().Format("2006-01-02T15:04:05Z"))
	}
	return f
}

var droppedCount = regexp.MustCompile(`(?i)partial write.*dropped=(\d+)`)

// dropped returns how many points a partial write says it dropped; 0 when it
// does not say.
func dropped(err error) int {
	a, ok := errors.AsType[*answer](err)
	if !ok {
		return 0
	}
	found := droppedCount.FindStringSubmatch(a.message)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return n
}
