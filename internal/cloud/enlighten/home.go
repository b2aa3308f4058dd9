package enlighten

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/atomicfile"
	"envoyd/internal/cloud/budget"
	"envoyd/internal/fault"
)

const (
	pageSize  = 100                 // the most /systems gives at once
	maxPages  = 20                  // an installer with more than 2,000 homes names one
	lookAgain = 60 * 24 * time.Hour // meters and batteries are added rarely
)

// System is one home as the list of what the grant covers shows it.
type System struct {
	ID   int64
	Name string
	Zone string // IANA or Rails name, may be empty
}

// Home is what must be known of a system to read it; kept on disk.
type Home struct {
	System
	Gateways        []string  // serials
	ProductionMeter bool      // a CT measures production; else the microinverters do
	Meters          bool      // there is a consumption CT
	Net             bool      // it measures the grid, so its figures are production plus grid
	Battery         bool      // IQ Batteries or AC Batteries
	Seen            time.Time // when the devices were listed
}

// Location is the home's time zone, UTC when it is not known here.
func (h Home) Location() *time.Location {
	if zone, err := time.LoadLocation(h.Zone); err == nil && h.Zone != "" {
		return zone
	}
	return time.UTC
}

type systemRow struct {
	ID       whole `json:"system_id"`
	Name     text  `json:"name"`
	Timezone text  `json:"timezone"`
}

// Systems lists the homes that the grant covers. A call per hundred.
func (c *Client) Systems(ctx context.Context) ([]System, error) { return c.systems(ctx, nil) }

func (c *Client) systems(ctx context.Context, with tokens) ([]System, error) {
	var all []System
	for page := 1; page <= maxPages; page++ {
		var doc struct {
			Total   whole           `json:"total"`
			Systems many[systemRow] `json:"systems"`
		}
		query := url.Values{"page": {strconv.Itoa(page)}, "size": {strconv.Itoa(pageSize)}}
		err := c.get(ctx, request{"systems", "/api/v4/systems", query, budget.Need{Purpose: budget.Setup}, with}, &doc)
		if err != nil {
			return nil, err
		}
		for _, s := range doc.Systems {
			if s.ID > 0 {
				all = append(all, System{int64(s.ID), string(s.Name), string(s.Timezone)})
			}
		}
		if len(doc.Systems) < pageSize || len(all) >= int(doc.Total) {
			break
		}
	}
	return all, nil
}

type device struct {
	Serial     text `json:"serial_number"`
	Name       text `json:"name"`
	ConfigType text `json:"config_type"`
	Active     text `json:"active"`
	State      text `json:"state"`
}

type devicesDoc struct {
	Devices lenient[struct {
		Meters    many[device] `json:"meters"`
		Gateways  many[device] `json:"gateways"`
		Encharges many[device] `json:"encharges"`
		ACBs      many[device] `json:"acbs"`
	}] `json:"devices"`
}

// examine lists the devices of a system: whose home it is and how it measures.
func (c *Client) examine(ctx context.Context, s System, with tokens) (Home, error) {
	var doc devicesDoc
	err := c.get(ctx, request{"devices", system(s.ID, "/devices"), nil, budget.Need{Purpose: budget.Setup}, with}, &doc)
	if err != nil {
		return Home{}, err
	}
	return doc.home(s), nil
}

func (doc *devicesDoc) home(s System) Home {
	d := doc.Devices.V
	h := Home{System: s, Battery: len(d.Encharges) > 0 || len(d.ACBs) > 0, Seen: time.Now().UTC().Truncate(time.Second)}
	for _, g := range d.Gateways {
		h.Gateways = append(h.Gateways, string(g.Serial))
	}
	h.Net = true // also where nothing says so: with solar and storage it always is
	for _, m := range d.Meters {
		name := strings.ToLower(string(m.Name) + " " + string(m.ConfigType))
		switch {
		case m.Active == "false" || strings.EqualFold(string(m.State), "disabled"):
		case strings.Contains(name, "consumption") || strings.Contains(name, "net"):
			h.Meters = true
			h.Net = !strings.EqualFold(string(m.ConfigType), "total")
		case strings.Contains(name, "production"):
			h.ProductionMeter = true
		}
	}
	return h
}

// Home returns the system in use: from disk, or asked for the first time, and
// again every two months.
func (c *Client) Home(ctx context.Context) (Home, error) {
	if c.first != nil {
		return c.own(ctx)
	}
	c.mu.Lock()
	known := c.home
	c.mu.Unlock()
	if known == nil {
		if h, ok := c.loadHome(); ok {
			known = &h
		}
	}
	if known != nil && (c.cfg.SystemID == 0 || c.cfg.SystemID == known.ID) {
		if time.Since(known.Seen).Abs() < lookAgain {
			c.useHome(*known)
			return *known, nil
		}
		if h, err := c.examine(ctx, known.System, nil); err == nil {
			return h, c.keepHome(h)
		}
		c.useHome(*known)
		return *known, nil
	}
	s, err := c.choose(ctx)
	if err != nil {
		return Home{}, err
	}
	h, err := c.examine(ctx, s, nil)
	if err != nil {
		return Home{}, err
	}
	return h, c.keepHome(h)
}

// choose finds the system to read when none was connected: the configured one
// or the only one.
func (c *Client) choose(ctx context.Context) (System, error) {
	all, err := c.Systems(ctx)
	if err != nil {
		return System{}, err
	}
	op := "choosing the system to read"
	if c.cfg.SystemID != 0 {
		for _, s := range all {
			if s.ID == c.cfg.SystemID {
				return s, nil
			}
		}
		return System{}, &fault.Error{Kind: fault.Config, Op: op, Err: ErrUnknownSystem,
			Mend: "Correct cloud.enlighten.system_id; the access covers " + list(all) + "."}
	}
	switch len(all) {
	case 1:
		return all[0], nil
	case 0:
		return System{}, &fault.Error{Kind: fault.Auth, Op: op, Err: ErrNotThisHome, Mend: "Run envoyd connect enlighten: the access covers no system."}
	default:
		return System{}, &fault.Error{Kind: fault.Config, Op: op, Err: ErrAmbiguous,
			Mend: "Run envoyd connect enlighten, or set cloud.enlighten.system_id to one of " + list(all) + "."}
	}
}

func list(all []System) string {
	var names []string
	for _, s := range all[:min(len(all), 10)] {
		names = append(names, fmt.Sprintf("%d (%.40q)", s.ID, s.Name))
	}
	if len(all) > 10 {
		names = append(names, "…")
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (c *Client) useHome(h Home) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.home = &h
	if c.cfg.Zone == nil && c.first == nil && h.Location() != time.UTC {
		c.budget.SetZone(h.Location())
	}
}

func (c *Client) loadHome() (h Home, ok bool) {
	data, err := os.ReadFile(c.path)
	if err != nil || json.Unmarshal(data, &h) != nil || h.ID <= 0 {
		return Home{}, false // it costs two calls to find out again
	}
	return h, true
}

// keepHome uses a home and writes it down; without the file it is asked for
// again after a restart.
func (c *Client) keepHome(h Home) error {
	c.useHome(h)
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(c.path, append(data, '\n'), 0o600); err != nil {
		c.log.Warn("what is known of the cloud system is not kept", "error", err)
	}
	return nil
}

// has reports whether one of the serials is among the home's gateways.
func (h Home) has(serials []string) bool {
	return slices.ContainsFunc(h.Gateways, func(s string) bool { return s != "" && slices.Contains(serials, s) })
}
