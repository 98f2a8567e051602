"""Planning: what the analysis found becomes decisions and findings.

Policy from the configuration lives here; how an edit is spelled does not.
"""
