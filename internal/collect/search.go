package collect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
)

// search is what is known of where the gateway may be, from one try to connect
// to the next.
type search struct {
	found []string
	err   error // why the last search gave no address
	next  time.Time
	pause backoff.Backoff
}

func newSearch() *search {
	return &search{pause: backoff.Backoff{First: 5 * time.Second, Longest: 2 * time.Minute}}
}

// run searches once more.
func (s *search) run(ctx context.Context, find Finder) {
	s.found, s.err = find(ctx)
	s.next = time.Now().Add(s.pause.Next(0))
}

func (s *search) due() bool { return !time.Now().Before(s.next) }

// searches reports whether the gateway may be looked for: one with a
// configured address is there or nowhere.
func (c *Collector) searches() bool { return c.cfg.Address == "" && c.cfg.Find != nil }

// tryFound asks the addresses that were not among those tried.
func (c *Collector) tryFound(ctx context.Context, all, tried []string, before error) (gateway.Info, error) {
	fresh := slices.DeleteFunc(all, func(a string) bool { return slices.Contains(tried, a) })
	if len(fresh) == 0 {
		return gateway.Info{}, before
	}
	info, err := c.try(ctx, fresh)
	if err != nil && fault.KindOf(before) > fault.KindOf(err) {
		err = before
	}
	return info, err
}

func (c *Collector) remembered() string {
	if c.cfg.Remembered == nil {
		return ""
	}
	return c.cfg.Remembered()
}

// candidates lists where the gateway may be: the configured address and
// nothing else, or the last good one and then what was found.
func (c *Collector) candidates(found []string) []string {
	if c.cfg.Address != "" {
		return []string{c.cfg.Address}
	}
	var all []string
	if last := c.remembered(); last != "" {
		all = append(all, last)
	}
	for _, address := range found {
		if !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

var errNowhere = errors.New("no host on the network says it is this gateway")

const mendNowhere = "Check that the gateway has power and is on the same network as this computer, or set gateways[].address."

// tellingMore returns the one of two failures that says more: what became of
// the addresses that were tried, or why the search gave none. That two hosts
// claim to be the gateway, or that there is no network to ask on, is news; an
// address where nobody answers any more is not.
func tellingMore(tried, searched error) error {
	if searched == nil || !errors.Is(tried, errNowhere) && fault.KindOf(searched) <= fault.KindOf(tried) {
		return tried
	}
	return &fault.Error{Kind: fault.KindOf(searched), Err: searched, Mend: cmp.Or(fault.Mend(searched), mendNowhere)}
}
