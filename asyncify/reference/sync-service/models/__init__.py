"""All models, so that they know each other."""

from models.deal import Deal
from models.job import Job
from models.lead import Lead
from models.organization import Organization
from models.status import Status
from models.tenant import Tenant

__all__ = ["Deal", "Job", "Lead", "Organization", "Status", "Tenant"]
