// Package enlighten reads a home from Enphase's cloud, the Enlighten
// Monitoring API v4: the present power while the gateway is silent, the
// intervals that were missed, and the days since commissioning.
//
// The order of things:
//
//	c, err := enlighten.New(cfg)             // checks the configuration, asks nobody
//	go c.Grant().Run(ctx)                    // keeps the grant alive for years
//	url := c.Grant().AuthorizeURL(uri, state)// where the owner says yes
//	home, err := c.Connect(ctx, consent)     // the code becomes a grant, if it is for this home
//	sample, err := c.Latest(ctx, since)      // the present power, with its own time
//	for _, w := range enlighten.Windows(from, to) { // newest first
//		span, err := c.Intervals(ctx, w)     // energy by quarter hours or five minutes
//	}
//	days, err := c.Daily(ctx)                // energy by day since commissioning
//	status, err := c.Budget().Status()       // what may still be asked
//
// Each call is counted in the budget before it is made; with nothing left the
// error is budget.ErrSpent with the time to wait. One request is in flight at
// a time. Errors are classified by fault kind: Auth needs the owner
// (`envoyd connect enlighten`), Config a setting, Unsupported means that this
// plan or home has no such data (the endpoint is then left alone for a day),
// Transient passes. Nothing that the cloud answered is quoted in an error, the
// key travels in a header, and neither is ever logged.
//
// Values come in the program's own signs. The API's differ: its consumption of
// a home with a net CT forgets the battery, and its battery power has no
// documented sign; see power.go.
//
// It does not decide when the cloud is asked, keeps no readings, and never
// touches what was measured locally.
package enlighten

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/cloud/host"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

// Standard is the vendor's own address.
const Standard = "https://api.enphaseenergy.com"

// Config is cloud.enlighten and what belongs to it.
type Config struct {
	App          string // developer (default) or partner
	ClientID     string
	ClientSecret secret.Text
	APIKey       secret.Text
	Plan         string // watt (default), kilowatt, megawatt, partner
	SystemID     int64  // 0 = the one that the gateway belongs to
	Username     string // partner: the installer's login
	Password     secret.Text

	URL       string            // endpoints.api; default Standard
	CAFile    string            // endpoints.ca_file
	Transport http.RoundTripper // instead of the network, for tests
	Dir       string            // state folder: enlighten-grant.json, -calls.json, -home.json
	Zone      *time.Location    // the gateway's, for day and night; nil = local
	Board     *status.Board     // gets the condition grant.Condition; may be nil
	Log       *slog.Logger      // may be nil
}

// Client reads one home. It is safe for concurrent use.
type Client struct {
	cfg    Config
	host   *host.Host
	grant  *grant.Keeper
	budget *budget.Ledger
	log    *slog.Logger
	path   string // of the home's file

	turn   chan struct{} // holds one element while a request is in flight
	mu     sync.Mutex
	home   *Home
	closed map[string]closed // by endpoint
	noWeek map[string]bool   // endpoints that refused a window of a week
	pieces pieces            // of the window that Intervals did not finish

	first   *Client // For: where the home that was connected is; else nil
	gateway string  // For: whose home this is
	failed  search
}

// closed is an endpoint that is not ours to ask.
type closed struct {
	until time.Time
	err   error
}

// New checks the configuration; its errors are fault.Config.
func New(cfg Config) (*Client, error) {
	if cfg.App == "" {
		cfg.App = grant.Developer
	}
	if cfg.Plan == "" {
		cfg.Plan = "watt"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	plan, ok := budget.PlanNamed(cfg.Plan)
	if !ok {
		return nil, &fault.Error{Kind: fault.Config, Op: "reading cloud.enlighten.plan", Err: errUnknownPlan,
			Mend: "Write watt, kilowatt, megawatt or partner."}
	}
	h, err := host.New(host.Config{Key: "endpoints.api", URL: cfg.URL, Standard: Standard, CAFile: cfg.CAFile, Transport: cfg.Transport})
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, host: h, log: cfg.Log, path: filepath.Join(cfg.Dir, "enlighten-home.json"),
		budget: budget.Open(budget.Config{Dir: cfg.Dir, Plan: plan, Zone: cfg.Zone, Log: cfg.Log}),
		turn:   make(chan struct{}, 1), closed: map[string]closed{}, noWeek: map[string]bool{},
	}
	c.grant = grant.New(grant.Config{
		App: cfg.App, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Username: cfg.Username, Password: cfg.Password,
		Dir: cfg.Dir, Host: h, Count: c.countRefresh, Board: cfg.Board, Log: cfg.Log,
	})
	return c, nil
}

// Grant is the permission and its tokens.
func (c *Client) Grant() *grant.Keeper { return c.grant }

// Budget is the count of calls.
func (c *Client) Budget() *budget.Ledger { return c.budget }

// Close closes idle connections.
func (c *Client) Close() { c.host.Close() }
