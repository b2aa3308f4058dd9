// Package collect reads one gateway for as long as the program runs: finds it,
// asks each of its endpoints at the pace it can bear, makes readings of the
// answers and hands them on. Data flows one way:
//
//	gateway → snapshot → derive → ledger → store, then hub
//
// There is one request at a time and never a queue of late ones. A poll that
// fails is a gap, never a zero. The only retries of the program towards the
// gateway are here; the adapters below try once and say what kind of failure
// it was.
//
// What is measured is decided elsewhere: derive knows which answer means what,
// ledger which counter to believe.
package collect

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/derive"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/hostclock"
	"envoyd/internal/ledger"
	"envoyd/internal/live"
	"envoyd/internal/reading"
	"envoyd/internal/status"

	"golang.org/x/sync/errgroup"
)

// Gateway is the conversation with one gateway; *gateway.Client is one. Each
// call tries once and classifies its failure with package fault.
type Gateway interface {
	Connect(ctx context.Context, address string) (gateway.Info, error)
	Info(ctx context.Context) (gateway.Info, error)
	Get(ctx context.Context, path string, slow bool) (gateway.Answer, error)
	GetHTML(ctx context.Context, path string, slow bool) (gateway.Answer, error)
	EnableLive(ctx context.Context) error
}

// Keeper keeps a record for good. An error means it is only in memory; the
// store says so itself, so the collector goes on.
type Keeper interface {
	Append(reading.Record) (uint64, error)
}

// Finder says where a gateway may be, best first. It may take seconds.
type Finder func(ctx context.Context) ([]string, error)

// Config is what a Collector works with. Client, Ledger, Keep, Hub, Board,
// Clock and Log are needed.
type Config struct {
	Gateway string         // the installation: first serial of the replaces chain
	Serial  string         // the hardware
	Name    string         // shown to people
	Zone    *time.Location // configured; nil is the gateway's own, else the host's

	Address    string        // configured: nothing else is ever tried
	Remembered func() string // where it answered last, "" when unknown
	Find       Finder        // mDNS

	Targets Targets
	Client  Gateway
	Ledger  *ledger.Ledger
	Keep    Keeper
	Hub     *live.Hub
	Board   *status.Board
	Clock   *hostclock.Clock
	// TokenIssued says since when the token in use is valid; nil when none is needed.
	TokenIssued func() time.Time
	// TokenComing says that there is no token yet, but one is being fetched and
	// nobody need do anything about it; nil when none ever is.
	TokenComing func() bool
	// TokenDays says how long the gateway token lives on; nil when none is needed.
	TokenDays func() reading.Value
	// Backlog says how many records the slowest sink has not taken.
	Backlog func() int
	// Established says that this installation's counters have begun already,
	// at an earlier run.
	Established bool
	// Connected is told of each connection; for the memory of addresses.
	Connected func(gateway.Info)
	// ZoneKnown is told the gateway's time zone when it becomes known.
	ZoneKnown func(*time.Location)
	// TokenRefused is told that the gateway's own check refused the token.
	TokenRefused func()
	// Past returns the newest record of power of the gateway's own that was kept
	// before the start; may be nil.
	Past func() (reading.Record, bool)
	// Gap is told the records before and after a stretch of time in which the
	// gateway, or we, were away. It must not wait; may be nil.
	Gap func(before, after reading.Record)
	// Awaited says that what the ledger misses in a gap will be told it later.
	Awaited bool
	// Save is told that the ledger changed in a way worth writing down soon. It
	// must not wait: a reading is on its way.
	Save func()
	Log  *slog.Logger
}

// Targets are the paces asked for, by tier; 0 is off.
type Targets struct {
	Meters, Batteries, Inverters, Live, Status time.Duration
}

// Collector reads one gateway.
type Collector struct {
	cfg   Config
	stats stats

	wake chan struct{}

	// What follows up to mu belongs to the loop.
	slowAsked   map[string]time.Time // when a slow page was last asked, over all sessions
	past        *derive.Snapshot     // of the newest session
	barren      int                  // probes in a row that found less than there may be
	unsureSince time.Time            // when a gateway made for CTs was first seen without any
	undecided   time.Time            // since when a page that decides on CTs gives no answer; zero while none is missing
	poorSince   time.Time            // since when the gateway shows less than it had; zero while it does not
	warned      bool                 // that the time zone is not known

	mu      sync.Mutex
	info    gateway.Info
	plan    derive.Plan // the last one that readings were made by
	planned bool
	zone    *time.Location
	zoned   bool             // the zone is the gateway's own or configured, not the host's
	told    bool             // ZoneKnown was told of it
	last    *reading.Reading // the newest that was published
	renewed time.Time        // when Power last got a new measurement, by our clock
	window  time.Duration    // how long Power counts as fresh after that

	storageKept time.Time // when a storage record was last kept

	began    time.Time      // when Run began
	measured time.Time      // when the gateway itself last gave a new measurement, by our clock
	local    reading.Record // that measurement, also one of before the start
	misses   int            // requests since that gave nothing new
}

// New returns a Collector that has not begun.
func New(cfg Config) *Collector {
	zone := cfg.Zone
	if zone == nil {
		zone = time.Local
	}
	return &Collector{
		cfg: cfg, zone: zone, zoned: cfg.Zone != nil, window: freshMetered,
		wake: make(chan struct{}, 1), slowAsked: map[string]time.Time{},
	}
}

// Run reads the gateway until ctx ends. It returns nil then, and never
// otherwise: whatever the gateway does is a condition, not an error.
func (c *Collector) Run(ctx context.Context) error {
	c.mu.Lock()
	c.began = time.Now()
	if c.cfg.Past != nil {
		c.local, _ = c.cfg.Past()
	}
	c.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.watch(ctx); return nil })
	g.Go(func() error {
		defer c.cfg.Board.Done(c.loopName())
		c.loop(ctx)
		return nil
	})
	return g.Wait()
}

// steady is how long a session lasts that counts as a success.
const steady = time.Minute

// loop connects and polls, again and again. A gateway that lets us in and is
// lost again right away is tried less and less often.
func (c *Collector) loop(ctx context.Context) {
	again := backoff.Backoff{First: 2 * time.Second}
	for ctx.Err() == nil {
		info, ok := c.connect(ctx)
		if !ok {
			return
		}
		began := time.Now()
		s := c.poll(ctx, info)
		if s.answered && time.Since(began) >= steady {
			again.Reset()
		}
		if s.lost == nil {
			continue
		}
		again.Longest = time.Minute
		floor := fault.After(s.lost)
		if !fault.Is(s.lost, fault.Transient) {
			// A login that was refused stays refused until there is another
			// token, and that ends the rest.
			again.Longest, floor = 5*time.Minute, pause(s.lost)
		}
		c.rest(ctx, again.Next(min(floor, longestWait)))
	}
}

// Wake ends a pause between two tries: something has changed that may let us
// in, such as a key that a person has just confirmed.
func (c *Collector) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// rest waits, but goes on at once when woken or when there is another token
// than before: the owner has just pasted one, or a login has brought one, or
// has failed for good, which has to be said.
func (c *Collector) rest(ctx context.Context, d time.Duration) {
	const look = 200 * time.Millisecond
	before, coming := c.token(), c.tokenComing()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && c.token().Equal(before) && c.tokenComing() == coming; {
		c.beat()
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			return
		case <-tick.C:
		}
	}
}

func (c *Collector) token() time.Time {
	if c.cfg.TokenIssued == nil {
		return time.Time{}
	}
	return c.cfg.TokenIssued()
}

func (c *Collector) tokenComing() bool { return c.cfg.TokenComing != nil && c.cfg.TokenComing() }

func (c *Collector) loopName() string { return "collect/" + c.cfg.Serial }

// beat tells the watchdog that the loop lives; nothing between two beats takes
// longer than a slow page with its login.
func (c *Collector) beat() { c.cfg.Board.Beat(c.loopName(), 3*time.Minute) }

// Info returns what the gateway last said of itself, and whether it has yet.
func (c *Collector) Info() (gateway.Info, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info, c.info.Serial != ""
}

// Plan returns which source serves which quantity, once it has been probed.
func (c *Collector) Plan() (derive.Plan, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan, c.planned
}

// Zone returns the time zone the gateway's days are counted in.
func (c *Collector) Zone() *time.Location {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.zone
}

// wait sleeps until due or until ctx ends, and reports whether to go on.
func wait(ctx context.Context, due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
