package fallback

import (
	"context"
	"iter"
	"slices"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/reading"
)

// fill fills one gap and reports whether it is done.
func (f *Filler) fill(ctx context.Context, g *Gap) (bool, error) {
	if g.length() <= resolution {
		return f.finish(ctx, g, slices.Values(g.bridged()), "counters")
	}
	whole, err := f.fetch(ctx, g)
	if whole && err == nil {
		err = f.credit(g)
	}
	if whole && err == nil {
		if err := f.write(ctx, g.awaited(), new(int)); err != nil {
			return false, err
		}
		return f.finish(ctx, g, g.filled(), "enlighten")
	}
	if ctx.Err() == nil {
		f.show(ctx, g)
	}
	return false, err
}

// fetch asks for the windows of a gap that are missing, the newest first, and
// writes each answer down before it asks for the next: after a pause for the
// budget, a failure or a restart only the others are asked for. It reports
// whether there is one for each.
func (f *Filler) fetch(ctx context.Context, g *Gap) (bool, error) {
	whole := true
	for i, w := range enlighten.Windows(g.Before.Time, g.After.Time) {
		if g.has(w) {
			continue
		}
		span, err := f.cfg.Past.Intervals(ctx, w)
		if err != nil {
			return false, err
		}
		if i == 0 && !reaches(span.Intervals, w.To) {
			if g.Tries++; g.Tries < patience {
				whole = false // the cloud does not know its end yet
				continue
			}
		}
		g.Parts = append(g.Parts, Part{From: w.From, To: w.To, Known: f.bounded(span.Intervals)})
		f.replace(*g)
		f.save()
	}
	return whole, nil
}

// reaches reports whether the intervals go up to a moment.
func reaches(intervals []enlighten.Interval, to time.Time) bool {
	return len(intervals) > 0 && !intervals[len(intervals)-1].End.Before(to.Truncate(time.Minute))
}

// show writes the powers of what is known of a gap that has to wait for the
// rest, so that the curve of the last days is there although the oldest may
// have to wait for the next month.
func (f *Filler) show(ctx context.Context, g *Gap) {
	for i := range g.Parts {
		if g.Parts[i].Shown {
			continue
		}
		if err := f.write(ctx, g.powers(g.Parts[i]), new(int)); err != nil {
			f.cfg.Log.Debug("part of a gap not written yet", "from", g.Parts[i].From, "to", g.Parts[i].To, "error", err)
			return
		}
		g.Parts[i].Shown = true
	}
}

// finish writes a gap whose every minute is known and says so.
func (f *Filler) finish(ctx context.Context, g *Gap, minutes iter.Seq[Minute], source string) (bool, error) {
	n := 0
	if err := f.write(ctx, minutes, &n); err != nil {
		return false, err
	}
	f.cfg.Log.Info("gap filled", "from", g.Before.Time.Format(time.RFC3339), "to", g.After.Time.Format(time.RFC3339), "minutes", n, "source", source)
	return true, nil
}

// write keeps minutes and counts them; what is there already stays.
func (f *Filler) write(ctx context.Context, minutes iter.Seq[Minute], n *int) error {
	there := presence{ask: f.cfg.Known}
	for m := range minutes {
		known, err := there.at(ctx, m.Time)
		if err != nil {
			return err
		}
		if known {
			// Somebody stood in; only the counters are missing. A second later,
			// because a time that is kept already is the same record.
			m.Power, m.Time = reading.Power{}, m.Time.Add(time.Second)
			if fields := m.Energy.Fields(); !reading.Any(fields[:]) {
				continue
			}
		}
		if err := f.cfg.Keep(m); err != nil {
			return err
		}
		*n++
	}
	return nil
}

// presence tells which minutes have power. It asks for a day at a time: the answer
// for a year would be large, and the history gives no more than some weeks.
type presence struct {
	ask     func(ctx context.Context, from, to time.Time) (map[int64]bool, error)
	until   time.Time
	minutes map[int64]bool
}

// at reports whether a minute has power; minutes are asked for in order.
func (k *presence) at(ctx context.Context, minute time.Time) (bool, error) {
	if !minute.Before(k.until) {
		until := minute.Add(24 * time.Hour)
		minutes, err := k.ask(ctx, minute, until)
		if err != nil {
			return false, err
		}
		k.minutes, k.until = minutes, until
	}
	return k.minutes[minute.Unix()], nil
}
