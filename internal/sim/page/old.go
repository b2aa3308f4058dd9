package page

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

// old answers what differs on firmware below 7: pages instead of JSON up to
// 3.x, digest logins, endpoints that do not exist yet.
func (g *Gateway) old(r site.Request, now time.Time) (site.Page, bool) {
	major := g.major()
	if major >= 7 {
		return site.Page{}, false
	}
	switch r.Path {
	case "/production":
		if major < 4 {
			return html(g.productionHTML(g.cfg.Home.State(now))), true
		}
		p := g.write(r.Path, nil)
		p.Digest = true
		p.Body = []byte("<html><body><h1>Production</h1></body></html>")
		p.Header.Set("Content-Type", "text/html")
		return p, true
	case "/api/v1/production":
		if g.atLeast("3.9") {
			return site.Page{}, false
		}
	case "/api/v1/production/inverters":
		return g.digestPage(r, now), true
	case "/production.json", "/home.json":
		if major >= 4 {
			return site.Page{}, false
		}
	case "/home":
		return html("<html><head><title>Envoy</title></head><body><h1>Envoy</h1></body></html>"), true
	case "/ivp/meters", "/ivp/meters/readings":
		if major >= 4 {
			return g.digestPage(r, now), true
		}
	}
	if major < 4 && !strings.HasPrefix(r.Path, "/ivp/") && !strings.HasPrefix(r.Path, "/api/") {
		return html("<html><head><title>error</title></head><body><h1>Page Not Found</h1></body></html>"), true
	}
	return g.missing(), true
}

// digestPage is a page that the user envoy may see.
func (g *Gateway) digestPage(r site.Request, now time.Time) site.Page {
	if g.major() == 3 && !g.atLeast("3.9") {
		return g.missing()
	}
	doc, err := g.pages[r.Path](g.view(r, now))
	if err != nil {
		return g.missing()
	}
	p := g.write(r.Path, doc)
	p.Digest = true
	return p
}

func html(body string) site.Page {
	return site.Page{Body: []byte(body), Header: http.Header{"Content-Type": {"text/html"}}}
}

// missing is the 404 of the firmware.
func (g *Gateway) missing() site.Page {
	p := site.Page{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json; charset=ISO-8859-4"}}}
	switch {
	case g.major() >= 7:
		p.Header.Set("Content-Type", "text/html")
		p.Body = []byte(notFound)
	case g.major() == 5:
		p.Body = []byte(" { \"err\": \"404 - Not Found\" }\n")
	default:
		p.Body = []byte("{ \"error\" : \"404 - Not Found\" }\n")
	}
	return p
}

const notFound = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n" +
	"<center><h1>404 Not Found</h1></center>\r\n<hr><center>openresty/1.17.8.1</center>\r\n</body>\r\n</html>\r\n"

// productionHTML is the page of 3.x, the only source before 3.9.
func (g *Gateway) productionHTML(s home.State) string {
	var watts, today, week, lifetime float64
	for _, inv := range s.Inverters {
		watts += inv.PowerW
		today += inv.TodayWh
		week += inv.WeekWh
		lifetime += inv.LifetimeJoules / 3600
	}
	return fmt.Sprintf(productionTable, quantity(watts, "W"), quantity(today, "Wh"), quantity(week, "Wh"), quantity(lifetime, "Wh"))
}

// quantity writes three digits with a unit of a fitting size.
func quantity(v float64, unit string) string {
	prefix := ""
	for _, next := range []string{"k", "M"} {
		if v < 1000 {
			break
		}
		v, prefix = v/1000, next
	}
	digits := 0
	switch {
	case prefix != "" && v < 10:
		digits = 2
	case prefix != "" && v < 100:
		digits = 1
	}
	return fmt.Sprintf("%5.*f %s%s", digits, v, prefix, unit)
}

const productionTable = `<html><head><title>production</title></head><body>
      <h1>System Energy Production</h1>
      <div style="margin-right: auto; margin-left: auto;"><table>
      <tr><td colspan="3">System has been live since
                             <div class=good>Tue Nov 17, 2015 11:05 AM HST</div></td></tr>
      <tr><td>Currently</td>    <td>%s</td></tr><tr><td>Today</td>     <td>%s</td></tr>` +
	`<tr><td>Past Week</td>    <td>%s</td></tr><tr><td>Since Installation</td>    <td>%s</td></tr>
      </table><br></div>
</body></html>
`
