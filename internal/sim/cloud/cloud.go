// Package cloud plays the vendor's Monitoring API v4 for the simulated home:
// the owner's consent in a browser, tokens that rotate and expire, the systems
// and their series, plan limits, and the error envelopes.
//
// Its data are the home's own: every interval is the difference of two marks
// of home.Marks, so a reader can be held against home.Truth. It knows nothing
// of the gateway's HTTP face and therefore goes on while that refuses,
// stalls or lies; what a gateway without Internet looks like is a switch
// (Silence). It is mounted beside the token service (package account), runs
// nothing in the background and takes all time from time.Now.
//
// It serves what a reader can be made to need, not the whole API: no control
// of batteries or chargers, no commissioning.
package cloud

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

// DefaultSystem is the system's number when none is given.
const DefaultSystem = 4321098

// System configurations of a consumption meter.
const (
	Net   = "Net"   // counts production and grid together, not the batteries
	Total = "Total" // counts what the house uses
)

// The installer's login, which only the password grant takes.
const (
	InstallerEmail    = "installer@example.com"
	InstallerPassword = "roof-top-up"
)

// Config says which system and which application there are. Home, Identity and
// Login are needed.
type Config struct {
	Home        *home.Home
	Identity    func() site.Identity              // of the gateway
	Login       func(email, password string) bool // the owner's
	Production  bool                              // a production CT
	Consumption string                            // Net, Total or "" for none
	System      int64                             // 0 = DefaultSystem

	Client, Secret, Key string // of the application; "" = random
	Partner             bool   // a partner application: password grant, partner plan
	Plan                Plan   // "" = Watt, or Partners

	Upload  time.Duration // between two reports of the gateway; 0 = it reports at every moment
	Delay   time.Duration // from a report until its data can be had; 0 = none
	Access  time.Duration // life of an access token; 0 = a day
	Refresh time.Duration // life of a refresh token; 0 = 30 days

	Discharge bool // latest_telemetry shows a battery that discharges as positive; the vendor does not say which it is
	Log       *slog.Logger
}

// Cloud is the vendor's API with one application and one system.
type Cloud struct {
	cfg      Config
	log      *slog.Logger
	switches fault.Switches
	mux      *http.ServeMux // of the data calls
	otherKey string

	mu        sync.Mutex
	plan      Plan
	calls     []Call
	spent     int // hits of another program in this month
	month     time.Time
	silent    time.Time // since when the gateway reports no more; zero = it does
	strict    bool      // a refresh token is good once
	uncovered bool      // the owner took the system out of the consent
	browsers  map[string]bool
	codes     map[string]code
	access    map[string]*grant
	refresh   map[string]*grant
	reused    int
	tokens    int
}

// New makes the API; Mount makes it reachable.
func New(cfg Config) *Cloud {
	cfg = cfg.withDefaults()
	c := &Cloud{
		cfg: cfg, log: cfg.Log, plan: cfg.Plan, mux: http.NewServeMux(), otherKey: random(16),
		browsers: map[string]bool{}, codes: map[string]code{}, access: map[string]*grant{}, refresh: map[string]*grant{},
	}
	for _, e := range c.endpoints() {
		c.mux.Handle(e.pattern, c.endpoint(e))
	}
	c.mux.HandleFunc("/", c.unknown)
	return c
}

func (c Config) withDefaults() Config {
	or := func(v *string, otherwise string) {
		if *v == "" {
			*v = otherwise
		}
	}
	or(&c.Client, random(16))
	or(&c.Secret, random(16))
	or(&c.Key, random(16))
	if c.System == 0 {
		c.System = DefaultSystem
	}
	if c.Plan == "" {
		c.Plan = Watt
		if c.Partner {
			c.Plan = Partners
		}
	}
	if c.Access <= 0 {
		c.Access = 24 * time.Hour
	}
	if c.Refresh <= 0 {
		c.Refresh = 30 * 24 * time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Mount adds the API to a web server, such as account.Service.
func (c *Cloud) Mount(mount func(pattern string, h http.Handler)) {
	mount("/oauth/authorize", c.guarded(c.authorize))
	mount("/oauth/redirect_uri", c.guarded(c.showCode))
	mount("/oauth/token", c.guarded(c.token))
	mount("/api/v4/", http.HandlerFunc(c.serve))
	mount("/_sim/cloud/{name}", http.HandlerFunc(c.control))
}

// Client is the application's client id.
func (c *Cloud) Client() string { return c.cfg.Client }

// Secret is the application's client secret.
func (c *Cloud) Secret() string { return c.cfg.Secret }

// Key is the application's API key.
func (c *Cloud) Key() string { return c.cfg.Key }

// OtherKey is the API key of another application.
func (c *Cloud) OtherKey() string { return c.otherKey }

// System is the number of the home's system. The next number is a system that
// exists and is somebody else's.
func (c *Cloud) System() int64 { return c.cfg.System }
