package app

import (
	"os"
	"strings"
	"time"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/gateway"
	"envoyd/internal/sink/mqtt"
	"envoyd/internal/status"
)

// installations lists the gateways that exist, read or not.
func (a *App) installations() []string {
	var all []string
	for _, s := range a.allSites() {
		all = append(all, s.gateway)
	}
	return all
}

func (a *App) siteOf(installation string) *site {
	for _, s := range a.allSites() {
		if s.gateway == installation {
			return s
		}
	}
	return nil
}

// mqttFacts is what MQTT tells of a gateway beside its readings.
func (a *App) mqttFacts(installation string) mqtt.GatewayFacts {
	s := a.siteOf(installation)
	if s == nil {
		return mqtt.GatewayFacts{}
	}
	facts := mqtt.GatewayFacts{
		Name:         s.cfg.Name,
		Serial:       s.cfg.Serial,
		TokenExpires: s.tokenExpires(),
		Latency:      s.collector.Totals().Latency,
		Zone:         zoneName(s.collector.Zone(), os.Getenv("TZ"), "/etc/localtime"),
	}
	if info, ok := s.collector.Info(); ok {
		facts.Firmware, facts.PartNumber, facts.Address = info.Firmware.String(), info.PartNumber, urlOf(info)
	}
	if c, bad := a.worst(s); bad {
		facts.Problem = true
		facts.ProblemText = strings.TrimSpace(c.Message + ". " + c.Mend)
	}
	return facts
}

// tokenExpires is when the token in use ends; zero where none is needed.
func (s *site) tokenExpires() time.Time { return s.keeper.Current().ExpiresAt }

// zoneName is the IANA name of a zone. Go calls the host's own "Local", which
// nobody else knows: its name is in the variable TZ, else in the target of the
// link localtime. "" when neither tells.
func zoneName(zone *time.Location, tz, localtime string) string {
	if zone == nil {
		return ""
	}
	if zone != time.Local {
		return zone.String()
	}
	name := strings.TrimPrefix(tz, ":")
	if name == "" {
		target, err := os.Readlink(localtime)
		if err != nil {
			return ""
		}
		_, name, _ = strings.Cut(target, "zoneinfo/")
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return ""
	}
	return name
}

func urlOf(info gateway.Info) string { return info.Scheme + "://" + info.Address }

// worst returns the worst condition that concerns the site, if there is one
// that a person should know of.
func (a *App) worst(s *site) (status.Condition, bool) {
	for _, c := range a.board.Conditions() { // worst first
		if c.State != status.Red {
			break
		}
		kind, id, scoped := strings.Cut(c.Name, "/")
		if !scoped || id == s.cfg.Serial || kind == "readings" && id == s.gateway || c.Name == grant.Condition {
			return c, true
		}
	}
	return status.Condition{}, false
}
