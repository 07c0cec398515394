"""bearer tokens of DICOMweb clients

Revision ID: 0007
Revises: 0006
"""
import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'dicomweb_token',
        sa.Column('name', sa.String(length=16), nullable=False),
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('may_read', sa.Boolean(), nullable=False),
        sa.Column('may_write', sa.Boolean(), nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=True),
        sa.Column('revoked_at', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_dicomweb_token')),
        sa.UniqueConstraint('sha256', name=op.f('uq_dicomweb_token_sha256')),
    )


def downgrade() -> None:
    op.drop_table('dicomweb_token')
