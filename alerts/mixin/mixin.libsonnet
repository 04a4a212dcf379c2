// The rendered rules as a mixin: for those who build their monitoring from mixins.
//
//   local anchorwatch = (import 'anchorwatch/alerts/mixin/mixin.libsonnet') + {
//     _config+:: { job: 'spiffe/anchorwatch', grafanaUrl: 'https://grafana.example.com' },
//   };
//
// The rules themselves are generated from the findings' catalogue; rules.json is anchorwatch.rules.yaml
// once more, since not every jsonnet reads all of YAML.
{
  _config+:: {
    // The scrape job, in every selector and in the label of AnchorwatchDown.
    job: 'anchorwatch',
    // What the links of the annotations begin with.
    grafanaUrl: 'https://grafana.example',
    runbookUrl: 'https://github.com/anchorwatch/anchorwatch/blob/main/docs/runbook.md',
  },

  local config = self._config,
  local replacements = [
    [@'job=\"anchorwatch\"', @'job=\"%s\"' % config.job],
    ['"job": "anchorwatch"', '"job": "%s"' % config.job],
    ['https://grafana.example/', config.grafanaUrl + '/'],
    ['https://github.com/anchorwatch/anchorwatch/blob/main/docs/runbook.md', config.runbookUrl],
  ],

  prometheusAlerts+:: std.parseJson(std.foldl(
    function(text, pair) std.strReplace(text, pair[0], pair[1]),
    replacements,
    importstr 'rules.json'
  )),
}
